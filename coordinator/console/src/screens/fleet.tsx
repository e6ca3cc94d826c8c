import { t } from "../base/i18n.ts";
import { useResource } from "../shell/session.ts";
import { Failed, Head, Loading } from "../ui/bits.tsx";

export default function Fleet() {
  const status = useResource<object>("/status");
  return (
    <div class="page">
      <Head title={t("console.fleet")} />
      {status.error ? <Failed error={status.error} retry={status.reload} /> : !status.data ? <Loading /> : null}
    </div>
  );
}
