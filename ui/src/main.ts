import "@fontsource-variable/inter/wght.css";
import "./styles/tokens.css";
import "./styles/base.css";

import { mount } from "svelte";

import App from "./App.svelte";
import { openBridge } from "./bridge";
import { catalogueFor } from "./catalogue";
import { Store } from "./store.svelte";

const words = catalogueFor(new URLSearchParams(location.search).get("lang") ?? navigator.language);
document.documentElement.lang = words.locale.split("-u-", 1)[0] ?? "en";
document.documentElement.dir = words.direction;
document.title = words.appName;

const target = document.getElementById("app");
if (!target) throw new Error("index.html has no #app");

const store = new Store(await openBridge());
mount(App, { target, props: { store, words } });
await store.open();
