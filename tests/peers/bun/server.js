// Accepts WebSockets on a port of loopback, and subscribes each to a topic of its own, as a service does that is to reach whoever is connected.
let count = 0;
Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.argv[2]),
  fetch(request, server) {
    return server.upgrade(request) ? undefined : new Response("a WebSocket is wanted", { status: 426 });
  },
  websocket: {
    idleTimeout: 0,
    open(socket) {
      count += 1;
      socket.subscribe(`calls/${count}`);
    },
    message() {},
  },
});
