import "@fontsource-variable/inter/wght.css";
import "../styles/tokens.css";
import "../styles/base.css";
import "./dashboard.css";

import { mount } from "svelte";

import { catalogueFor } from "../catalogue";
import Dashboard from "./Dashboard.svelte";
import { wordsFor } from "./words";

const tag = new URLSearchParams(location.search).get("lang") ?? navigator.language;
const words = wordsFor(tag);
document.documentElement.lang = words.locale.split("-u-", 1)[0] ?? "en";
document.documentElement.dir = words.direction;
document.title = words.title;

const target = document.getElementById("app");
if (!target) throw new Error("dashboard.html has no #app");
mount(Dashboard, { target, props: { words, appWords: catalogueFor(tag) } });
