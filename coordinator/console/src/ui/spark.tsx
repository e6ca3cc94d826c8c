// A row of small bars: how a number went, without axes.  The words say it in full.
export function Spark({ values, label }: { values: number[]; label: string }) {
  const most = Math.max(1, ...values);
  const width = 5;
  return (
    <svg class="spark" role="img" aria-label={label} width={values.length * (width + 1)} height="18">
      <title>{label}</title>
      {values.map((v, i) => {
        const height = v === 0 ? 1 : Math.max(3, (v / most) * 18);
        return <rect key={i} class={v === 0 ? "none" : ""} x={i * (width + 1)} y={18 - height} width={width} height={height} />;
      })}
    </svg>
  );
}
