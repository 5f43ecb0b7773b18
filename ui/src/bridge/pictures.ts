// Pictures as Rust hands them over: whole, in their address. These are drawn, so that they are small and nobody's.

const svg = (drawing: string): string => `data:image/svg+xml,${encodeURIComponent(`<svg xmlns="http://www.w3.org/2000/svg" ${drawing}</svg>`)}`;

/** Somebody's face. */
export const face = svg(
  `viewBox="0 0 104 104"><rect width="104" height="104" fill="#d9b48f"/><path d="M0 104V62c8-8 20-12 30-12h44c10 0 22 4 30 12v42z" fill="#2f4858"/>` +
    `<path d="M42 54h20v14c0 6-4 10-10 10s-10-4-10-10z" fill="#a8714f"/><ellipse cx="52" cy="40" rx="19" ry="23" fill="#c68a63"/>` +
    `<path d="M30 44c-4-22 8-34 22-34s27 12 22 34c-2-8-6-15-12-17-8 3-18 3-26 1-3 4-5 9-6 16z" fill="#33231b"/>`,
);

/** A company's logo, wide, with nothing behind it. */
export const logo = svg(
  `viewBox="0 0 72 24" fill="#ffffff"><path d="M12 1l10 5.5v11L12 23 2 17.5v-11zM12 4.6L6.2 7.8 12 11l5.8-3.2zM5 10.2v5.6l5.4 3v-5.6zM19 10.2l-5.4 3v5.6l5.4-3z"/>` +
    `<rect x="30" y="6" width="40" height="5" rx="2.5"/><rect x="30" y="14" width="26" height="5" rx="2.5"/>`,
);
