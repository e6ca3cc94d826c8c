// Dialogs are the browser's own <dialog>: it keeps the focus inside and gives it back, and Escape closes it.
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { t } from "../base/i18n.ts";
import { focusMain, told } from "./bits.tsx";
import { Icon } from "./icon.tsx";
import { toast } from "./toast.tsx";

export function Dialog({ title, onClose, children, wide }: { title: string; onClose: () => void; children: ComponentChildren; wide?: boolean }) {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const d = ref.current!;
    const before = document.activeElement as HTMLElement | null;
    d.showModal();
    d.querySelector<HTMLElement>(".inside input, .inside select, .inside textarea")?.focus();
    return () => {
      d.close();
      // What opened it may be gone with what was done.
      if (before?.isConnected && !before.matches(":disabled")) before.focus();
      else focusMain();
    };
  }, []);
  return (
    <dialog
      ref={ref}
      class={wide ? "wide" : undefined}
      aria-labelledby={id}
      onCancel={(e: Event) => {
        e.preventDefault();
        onClose();
      }}
    >
      <div class="title">
        <h2 id={id}>{title}</h2>
        <button type="button" class="plain" aria-label={t("base.close")} onClick={onClose}>
          <Icon name="close" />
        </button>
      </div>
      <div class="inside">{children}</div>
    </dialog>
  );
}

export function Field({
  label,
  help,
  wrong,
  children,
}: {
  label: string;
  help?: ComponentChildren;
  wrong?: string | undefined;
  children: (props: { id: string; "aria-describedby"?: string; "aria-invalid"?: boolean }) => JSX.Element;
}) {
  const id = useId();
  const described = [help ? id + "-help" : "", wrong ? id + "-wrong" : ""].filter(Boolean).join(" ");
  return (
    <div class="field">
      <label htmlFor={id}>{label}</label>
      {children({ id, ...(described ? { "aria-describedby": described } : {}), ...(wrong ? { "aria-invalid": true } : {}) })}
      {help && (
        <span class="help" id={id + "-help"}>
          {help}
        </span>
      )}
      {wrong && (
        <span class="wrong" id={id + "-wrong"} role="alert">
          {wrong}
        </span>
      )}
    </div>
  );
}

/** The number of what was asked for and is kept until somebody else confirms it; undefined: it was done. */
export function proposalOf(answer: unknown): number | undefined {
  return (answer as { proposal?: { id?: number } } | null | undefined)?.proposal?.id;
}

const REASON_MAX = 250; // bytes that the journal keeps

/** A change: what it does, why it is done (kept in the journal), and one button that says what happens. */
export function ActionDialog({
  title,
  what,
  confirm,
  danger,
  reason = "needed",
  ready = true,
  done,
  act,
  onClose,
  children,
}: {
  title: string;
  what?: ComponentChildren;
  confirm: string;
  danger?: boolean;
  reason?: "needed" | "optional" | "none";
  /** false: something else has to be filled in first */
  ready?: boolean;
  done?: string;
  act: (reason: string) => Promise<unknown>;
  onClose: () => void;
  children?: ComponentChildren;
}) {
  const [text, setText] = useState("");
  const [busy, setBusy] = useState(false);
  const [wrong, setWrong] = useState<string>();
  const missing = reason === "needed" && text.trim() === "";

  async function submit(e: Event): Promise<void> {
    e.preventDefault();
    if (busy || missing || !ready) return;
    setBusy(true);
    setWrong(undefined);
    try {
      const proposal = proposalOf(await act(text.trim()));
      if (proposal !== undefined) toast(t("base.proposed", { id: String(proposal) }), "info");
      else if (done) toast(done, "ok");
      onClose();
    } catch (error) {
      setWrong(told(error));
      setBusy(false);
    }
  }

  return (
    <Dialog title={title} onClose={onClose}>
      <form class="form" onSubmit={(e) => void submit(e)} onInput={() => setWrong(undefined)}>
        {what && <div>{what}</div>}
        {children}
        {reason !== "none" && (
          <Field label={t("base.reason")} help={reason === "needed" ? t("base.reason_help") : t("base.reason_optional")}>
            {(props) => (
              <textarea {...props} value={text} maxLength={REASON_MAX} required={reason === "needed"} onInput={(e) => setText(e.currentTarget.value)} />
            )}
          </Field>
        )}
        {wrong && (
          <p class="wrong" role="alert" style={{ color: "var(--bad)" }}>
            {wrong}
          </p>
        )}
        <div class="actions end">
          <button type="button" onClick={onClose}>
            {t("base.cancel")}
          </button>
          <button type="submit" class={danger ? "danger" : "primary"} disabled={missing || !ready} aria-disabled={busy}>
            {busy ? t("base.working") : confirm}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
