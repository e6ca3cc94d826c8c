import { useState } from "preact/hooks";
import { t } from "../base/i18n.ts";
import type { PolicyRow } from "../base/shapes.ts";
import { api, can, useResource } from "../shell/session.ts";
import { Empty, Failed, Loading, Panel, Said, State } from "../ui/bits.tsx";
import { ActionDialog, Field } from "../ui/dialog.tsx";
import { Icon } from "../ui/icon.tsx";
import { Table } from "../ui/table.tsx";
import { groupOf, isDefault, write } from "./policy.ts";

function Edit({ model, row, onClose }: { model: string; row: PolicyRow; onClose: () => void }) {
  const [value, setValue] = useState(write(row));
  return (
    <ActionDialog
      title={row.key}
      what={row.meaning}
      confirm={t("console.save")}
      ready={value.trim() !== "" && value.trim() !== write(row)}
      act={(reason) => api.post(`/models/${encodeURIComponent(model)}/policy`, { policy: { [row.key]: value.trim() }, reason })}
      done={t("console.policy_saved", { key: row.key })}
      onClose={onClose}
    >
      <Field label={t("console.policy_value")} help={t("console.policy_default", { value: row.default })}>
        {(p) =>
          typeof row.value === "boolean" ? (
            <select {...p} value={value} onChange={(e) => setValue(e.currentTarget.value)}>
              <option value="true">true</option>
              <option value="false">false</option>
            </select>
          ) : (
            <input {...p} class="mono" value={value} autoComplete="off" spellcheck={false} onInput={(e) => setValue(e.currentTarget.value)} />
          )
        }
      </Field>
    </ActionDialog>
  );
}

export function Policy({ model }: { model: string }) {
  const policy = useResource<{ policy: PolicyRow[] }>(`/models/${encodeURIComponent(model)}/policy`, { on: ["model."] });
  const [filter, setFilter] = useState("");
  const [changed, setChanged] = useState(false);
  const [editing, setEditing] = useState<PolicyRow>();
  if (policy.error && !policy.data) return <Failed error={policy.error} retry={policy.reload} />;
  if (!policy.data) return <Loading />;
  const text = filter.trim().toLowerCase();
  const rows = policy.data.policy.filter((r) => (!changed || !isDefault(r)) && (!text || r.key.includes(text) || r.meaning.toLowerCase().includes(text)));
  const groups = [...new Set(rows.map((r) => groupOf(r.key)))].sort();
  return (
    <>
      <div class="row">
        <input class="find-option" type="search" aria-label={t("console.policy_find")} placeholder={t("console.policy_find")} value={filter} onInput={(e) => setFilter(e.currentTarget.value)} />
        <label class="row small">
          <input type="checkbox" checked={changed} onChange={(e) => setChanged(e.currentTarget.checked)} />
          {t("console.policy_changed", { n: policy.data.policy.filter((r) => !isDefault(r)).length })}
        </label>
      </div>
      {rows.length === 0 && (
        <div class="panel">
          <Empty title={t("console.policy_none")} />
        </div>
      )}
      <div class="policy">
      {groups.map((g) => (
        <Panel key={g} title={g || t("console.policy_general")}>
          <Table
            caption={g || t("console.policy_general")}
            rows={rows.filter((r) => groupOf(r.key) === g)}
            id={(r) => r.key}
            columns={[
              { id: "key", head: t("console.policy_key"), cell: (r) => <code>{r.key}</code>, by: (r) => r.key },
              {
                id: "value",
                head: t("console.policy_value"),
                cell: (r) => (
                  <span class="row">
                    <strong class="mono">{write(r)}</strong>
                    {!isDefault(r) && <State tone="info" title={t("console.policy_default", { value: r.default })}>{t("console.policy_set")}</State>}
                  </span>
                ),
              },
              { id: "default", head: t("console.policy_dflt"), cell: (r) => <code class="dim">{r.default}</code> },
              { id: "meaning", head: t("console.policy_meaning"), cell: (r) => <Said>{r.meaning}</Said> },
              ...(can("engineer")
                ? [
                    {
                      id: "edit",
                      head: t("console.policy_change"),
                      bare: true,
                      end: true,
                      cell: (r: PolicyRow) => (
                        <button type="button" class="plain tiny" aria-label={t("console.policy_edit", { key: r.key })} onClick={() => setEditing(r)}>
                          <Icon name="edit" />
                        </button>
                      ),
                    },
                  ]
                : []),
            ]}
          />
        </Panel>
      ))}
      </div>
      {editing && (
        <Edit
          model={model}
          row={editing}
          onClose={() => {
            setEditing(undefined);
            policy.reload();
          }}
        />
      )}
    </>
  );
}
