import { t } from "../base/i18n.ts";
import type { Model } from "../base/shapes.ts";
import { useResource } from "../shell/session.ts";
import { Failed, Head, Loading } from "../ui/bits.tsx";
import { Models } from "./models_table.tsx";

export default function ModelsScreen() {
  const models = useResource<{ models: Model[] }>("/models", { on: ["model.", "alias.", "version."] });
  return (
    <div class="page">
      <Head title={t("console.models")} />
      {models.data ? <Models models={models.data.models} /> : <div class="panel">{models.error ? <Failed error={models.error} retry={models.reload} /> : <Loading />}</div>}
    </div>
  );
}
