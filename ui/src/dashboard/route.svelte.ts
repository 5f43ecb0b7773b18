// Where in the dashboard somebody is, behind the number sign of its address: it is never sent to the service.

import type { Environment } from "./api";

export const sections = ["overview", "calls", "branding", "credentials", "users", "push", "webhooks", "settings"] as const;
export type Section = (typeof sections)[number];

export type Route =
  | { page: "accounts" | "audit" | "health" | "me" }
  | { page: "link"; link: string }
  | { page: "account"; account: string; environment: Environment; section: Section };

export function read(hash: string): Route {
  const [page, first, second, third] = hash.replace(/^#\/?/, "").split("/").map(decode);
  if (page === "link" && first) return { page, link: first };
  if (page === "audit" || page === "health" || page === "me") return { page };
  if (page === "a" && first) {
    const section = sections.find((known) => known === third) ?? "overview";
    return { page: "account", account: first, environment: second === "development" ? "development" : "production", section };
  }
  return { page: "accounts" };
}

/** What is no part of an address any more is as it is. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export const href = (route: Route): string => {
  if (route.page === "account") return `#/a/${encodeURIComponent(route.account)}/${route.environment}/${route.section}`;
  if (route.page === "link") return `#/link/${route.link}`;
  return route.page === "accounts" ? "#/" : `#/${route.page}`;
};

class Here {
  route = $state.raw<Route>(read(location.hash));

  constructor() {
    addEventListener("hashchange", () => (this.route = read(location.hash)));
  }

  go(route: Route): void {
    location.hash = href(route);
    this.route = route;
  }
}

export const here = new Here();
