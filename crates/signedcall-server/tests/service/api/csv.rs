//! Calls as a table.

use signedcall_wire::EndReason;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::backend::Backend;
use crate::support::in_time;

#[tokio::test]
async fn every_call_is_a_row_and_no_cell_a_formula() {
    let backend = Backend::start().await;
    backend.have_called("courier_1", "customer_1", EndReason::HungUp, 1_000, 1_234);
    backend.have_called("=HYPERLINK(\"http://evil.example\")", "customer_2", EndReason::Missed, 9_000, 1);
    let answer = backend.get("/v1/calls.csv").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/csv; charset=utf-8; header=present")));
    assert_eq!(answer.header("content-disposition"), Some("attachment; filename=\"calls.csv\""));
    let lines: Vec<&str> = answer.body.split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 1 + 1_234 + 1);
    assert_eq!(lines[0], "id,caller,callee,context,placed_at,answered_at,connected_at,ended_at,end_reason,talked_ms,asked_by,leads_to");
    let formula = "\"'=HYPERLINK(\"\"http://evil.example\"\")\",customer_2,Your order,1970-01-01T02:30:00.000Z,,,1970-01-01T02:30:00.500Z,missed,,user,";
    assert_eq!(lines[1].split_once(',').map(|(_, rest)| rest), Some(formula));
    let filtered = backend.get("/v1/calls.csv?cuid=customer_2").await;
    assert_eq!(filtered.body.lines().count(), 2);
}

#[tokio::test]
async fn who_does_not_read_an_export_keeps_no_other_company_waiting_and_has_no_third_one() {
    let backend = Backend::start().await;
    let other = backend.other_company();
    backend.have_called("courier_1", "customer_1", EndReason::HungUp, 1_000, 60_000);
    let address = backend.service.service.address();
    let request = format!("GET /v1/calls.csv HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n", backend.production.expose());
    let mut lazy = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(address).await.expect("the service listens");
        stream.write_all(request.as_bytes()).await.expect("an open socket");
        // It has begun, and the rest does not fit into what the operating system holds for a socket.
        stream.read_exact(&mut [0; 16]).await.expect("an answer");
        lazy.push(stream);
    }
    assert_eq!(backend.get("/v1/calls.csv").await.problem().1, "too_many_requests");
    assert_eq!(backend.get("/v1/calls?limit=1").await.status, 200);
    assert_eq!(backend.ask_by(&other, "GET", "/v1/calls.csv", None).await.status, 200);
    drop(lazy);
    in_time(async { while backend.get("/v1/calls.csv?cuid=nobody_here").await.status != 200 {} }).await;
}
