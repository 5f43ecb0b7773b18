/** The way in which the page is read, for what floats above it: that does not take it from there by itself. */
export const direction = (): "ltr" | "rtl" => (document.documentElement.dir === "rtl" ? "rtl" : "ltr");
