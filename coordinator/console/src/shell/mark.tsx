/** The sign of the project: a signal that rises out of its band. */
export function Mark() {
  return (
    <svg class="sign" viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">
      <rect width="32" height="32" rx="7" fill="#0f4c5c" />
      <path d="M5 19h5l3-9 5 14 3-9 1.500 4H27" fill="none" stroke="#fff" stroke-width="2.6" stroke-linecap="round" stroke-linejoin="round" />
    </svg>
  );
}
