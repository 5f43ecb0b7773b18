//! A proxy between a phone and its service that leads the voice over an impaired line.

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{accept_async, connect_async};

/// The proxy, for one phone. It ends when it is dropped.
#[derive(Debug)]
pub struct Between {
    url: String,
    pump: AbortHandle,
}

impl Between {
    /// Opens a proxy before the service at `url`. What the other side learns of this phone's addresses is `ours` instead, and the other way about.
    pub async fn open(url: &str, ours: SocketAddr, theirs: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("a port")?;
        let address = listener.local_addr()?;
        let service = format!("{url}{}", signedcall_server::SIGNALLING_PATH);
        let pump = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                // However it ends, the phone opens another if it needs one.
                let _ = pass(socket, &service, ours, theirs).await;
            }
        });
        Ok(Self { url: format!("ws://{address}"), pump: pump.abort_handle() })
    }

    /// Where the phone finds the service through it.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Between {
    fn drop(&mut self) {
        self.pump.abort();
    }
}

async fn pass(socket: TcpStream, service: &str, ours: SocketAddr, theirs: SocketAddr) -> Result<()> {
    let mut phone = accept_async(socket).await?;
    let (mut service, _) = connect_async(service).await?;
    loop {
        tokio::select! {
            message = phone.next() => match message.transpose()? {
                Some(message) => service.send(led_over(message, ours)?).await?,
                None => return Ok(()),
            },
            message = service.next() => match message.transpose()? {
                Some(message) => phone.send(led_over(message, theirs)?).await?,
                None => return Ok(()),
            },
        }
    }
}

fn led_over(message: Message, line: SocketAddr) -> Result<Message> {
    let Message::Text(text) = &message else { return Ok(message) };
    let mut value: Value = serde_json::from_str(text).context("a frame")?;
    lead_over(&mut value, line)?;
    Ok(Message::text(value.to_string()))
}

fn lead_over(value: &mut Value, line: SocketAddr) -> Result<()> {
    let Value::Object(fields) = value else {
        if let Value::Array(items) = value {
            items.iter_mut().try_for_each(|item| lead_over(item, line))?;
        }
        return Ok(());
    };
    match fields.get("kind").and_then(Value::as_str) {
        Some("candidate") => {
            let text = fields.get("candidate").and_then(Value::as_str).context("a candidate without a text")?;
            let mut candidate: Value = serde_json::from_str(text).context("a candidate")?;
            let words = candidate.get("candidate").and_then(Value::as_str).context("a candidate without a line")?;
            let mut words: Vec<String> = words.split(' ').map(str::to_owned).collect();
            if let Some(place) = words.get_mut(4..6) {
                place.clone_from_slice(&[line.ip().to_string(), line.port().to_string()]);
            }
            candidate["candidate"] = words.join(" ").into();
            fields.insert("candidate".to_owned(), candidate.to_string().into());
        }
        Some("offer" | "answer") => {
            let sdp = fields.get("sdp").and_then(Value::as_str).context("a description without a text")?;
            let sdp: String = sdp.split_inclusive('\n').filter(|line| !line.starts_with("a=candidate:")).collect();
            fields.insert("sdp".to_owned(), sdp.into());
        }
        _ => fields.values_mut().try_for_each(|field| lead_over(field, line))?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_candidate_leads_to_the_line_and_everything_else_stays() {
        let candidate = json!({"candidate": "candidate:1 1 udp 2130706431 192.0.2.7 4711 typ host", "sdpMid": "0"}).to_string();
        let frame = json!({"type": "request", "request": {"signal": {"kind": "candidate", "candidate": candidate}, "call": "1"}});
        let led =
            led_over(Message::text(frame.to_string()), "127.0.0.1:9000".parse().expect("it is well formed")).expect("it is well formed");
        let led: Value = serde_json::from_str(led.to_text().expect("it is well formed")).expect("it is well formed");
        let inner: Value =
            serde_json::from_str(led["request"]["signal"]["candidate"].as_str().expect("it is well formed")).expect("it is well formed");
        assert_eq!(inner["candidate"], "candidate:1 1 udp 2130706431 127.0.0.1 9000 typ host");
        assert_eq!((&inner["sdpMid"], &led["request"]["call"]), (&json!("0"), &json!("1")));
        let sdp = json!({"event": {"signal": {"kind": "offer", "sdp": "v=0\r\na=candidate:1 1 udp\r\na=mid:0\r\n"}}});
        let led =
            led_over(Message::text(sdp.to_string()), "127.0.0.1:9000".parse().expect("it is well formed")).expect("it is well formed");
        assert!(led.to_text().expect("it is well formed").contains(r"v=0\r\na=mid:0\r\n"));
    }
}
