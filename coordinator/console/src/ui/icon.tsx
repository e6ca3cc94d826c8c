// Drawings of 16 x 16 in the colour of the text.  Each state has a form of its own, not only a colour.
const paths = {
  ok: "M3.5 8.5 6.5 11.500 12.5 5",
  warn: "M8 2.500 14.500 13.500H1.500ZM8 6.500v3.200M8 11.600v.1",
  bad: "M5 1.500h6L14.500 5v6L11 14.500H5L1.500 11V5ZM5.800 5.800l4.400 4.400M10.200 5.800 5.800 10.200",
  info: "M8 14.500a6.500 6.500 0 1 0 0-13 6.500 6.500 0 0 0 0 13ZM8 7.500v3.500M8 5v.1",
  busy: "M13.500 8A5.500 5.500 0 1 1 8 2.500M13.500 2.500V5.500H10.500",
  idle: "M4 8h8",
  wait: "M8 14.500a6.500 6.500 0 1 0 0-13 6.500 6.500 0 0 0 0 13ZM8 4.500V8l2.500 1.500",
  up: "M8 12.500v-9M4 7.500l4-4 4 4",
  down: "M8 3.500v9M4 8.500l4 4 4-4",
  right: "M6 3.500 10.500 8 6 12.500",
  close: "M4 4l8 8M12 4l-8 8",
  copy: "M5.500 5.500h8v8h-8ZM10.500 5.500v-3h-8v8h3",
  fleet: "M2 6.500 8 2.500l6 4v7H2ZM6 13.500v-4h4v4",
  model: "M8 1.800 14 5v6L8 14.200 2 11V5ZM2 5l6 3.200L14 5M8 8.200v6",
  key: "M10.500 9a3.500 3.500 0 1 0-3.300-2.400L2 11.800V14h2.500v-1.500H6V11l1.800-1.600A3.500 3.500 0 0 0 10.500 9ZM11 5v.1",
  round: "M8 2a6 6 0 0 1 6 6M8 14a6 6 0 0 1-6-6M8 5.500A2.500 2.500 0 1 1 8 10.500 2.500 2.500 0 0 1 8 5.500M11.500 8.500 14 8l1 2.200M4.500 7.500 2 8 1 5.800",
  drift: "M1.500 11c2 0 2-4 4-4s2 3 4 3 2-7 5-7",
  campaign: "M2.500 14V2M2.500 2.500h10l-2.500 3 2.500 3h-10",
  rollout: "M2 13.500h3v-4H2ZM6.500 13.500h3v-7h-3ZM11 13.500h3v-11h-3Z",
  alarm: "M4 11V7a4 4 0 0 1 8 0v4l1.500 1.500h-11ZM6.500 14.500h3",
  journal: "M3 2h8.500L13 3.500V14H3ZM5.500 5.500h5M5.500 8h5M5.500 10.500h3",
  users: "M6 7.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5ZM1.500 13.500c0-3 2-4.500 4.500-4.500s4.500 1.500 4.500 4.500M10.500 3a2.500 2.500 0 0 1 0 4.500M12 9.300c1.600.6 2.500 2 2.500 4.200",
  release: "M8 1.500 13.500 4v4c0 3.500-2.500 5.500-5.500 6.500C5 13.500 2.500 11.500 2.500 8V4ZM5.500 8l2 2 3.500-4",
  menu: "M2 4h12M2 8h12M2 12h12",
  light: "M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM8 1v1.500M8 13.500V15M1 8h1.500M13.500 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1",
  dark: "M13.500 9.500A6 6 0 1 1 6.500 2.500a5 5 0 0 0 7 7Z",
  system: "M1.500 3h13v8h-13ZM5.500 14h5M8 11v3",
  out: "M6 2.500H2.500v11H6M6.500 8h7.500M11 5l3 3-3 3",
  search: "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10ZM10.800 10.800 14 14",
  table: "M2 3h12v10H2ZM2 6.500h12M2 10h12M6.500 3v10",
  graph: "M2 2v12h12M4.500 10.500 7.500 7l2.500 2 4-5",
  pause: "M5.500 3v10M10.500 3v10",
  play: "M4.500 2.500v11L13 8Z",
  back: "M6 4 2.500 7.500 6 11M3 7.500h7a3.500 3.500 0 0 1 0 7H8",
  edit: "M2.500 13.500V11L11 2.500 13.500 5 5 13.500ZM9.500 4 12 6.500",
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name, title }: { name: IconName; title?: string }) {
  return (
    <svg
      class="icon"
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      stroke-width="1.5"
      stroke-linecap="round"
      stroke-linejoin="round"
      role={title ? "img" : undefined}
      aria-label={title}
      aria-hidden={title ? undefined : "true"}
    >
      <path d={paths[name]} />
    </svg>
  );
}
