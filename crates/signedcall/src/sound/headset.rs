//! Whether only its user hears a speaker: what the sound server knows of where the sound comes out. PulseAudio's protocol, which PipeWire speaks too.

use std::ffi::CString;
use std::io;

use pulseaudio::protocol::port_info::PortType;
use pulseaudio::protocol::{self, Command, GetSinkInfo, Prop, SinkInfo};

use super::changes::connect;

/// What devices are called whose sound goes into one's ears (`device.form_factor`).
const WORN: [&str; 3] = ["headset", "headphone", "handset"];

/// Asks the sound server; what it does not say is not so.
pub(super) fn is_worn(speaker: &str) -> bool {
    ask(speaker).is_ok_and(|info| says_so(&info))
}

fn ask(speaker: &str) -> io::Result<SinkInfo> {
    let (mut reader, version) = connect()?;
    let wanted = GetSinkInfo { index: None, name: Some(CString::new(speaker)?) };
    protocol::write_command_message(reader.get_mut(), 2, &Command::GetSinkInfo(wanted), version).map_err(io::Error::other)?;
    protocol::read_reply_message::<SinkInfo>(&mut reader, version).map(|(_, info)| info).map_err(io::Error::other)
}

/// The device as a whole says what it is, or the socket does into which something is plugged.
fn says_so(info: &SinkInfo) -> bool {
    let form = info.props.get(Prop::DeviceFormFactor).unwrap_or_default();
    // Texts end with a zero on the wire.
    let form = form.strip_suffix(&[0]).unwrap_or(form);
    let is_form = WORN.iter().any(|worn| form == worn.as_bytes());
    let port = info.ports.get(info.active_port).map(|port| port.port_type);
    is_form || matches!(port, Some(PortType::Headphones | PortType::Headset | PortType::Handset | PortType::Earpiece))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn speaker(form: Option<&'static std::ffi::CStr>, port: PortType) -> SinkInfo {
        let mut info = SinkInfo::new_dummy(0);
        info.ports[0].port_type = port;
        if let Some(form) = form {
            info.props.set(Prop::DeviceFormFactor, form);
        }
        info
    }

    #[test]
    fn a_headset_is_known_by_the_device_or_by_where_it_is_plugged_in() {
        for (form, port, worn) in [
            (None, PortType::Unknown, false),
            (None, PortType::Speaker, false),
            (None, PortType::Headphones, true),
            (None, PortType::Headset, true),
            (None, PortType::Handsfree, false),
            (Some(c"headset"), PortType::Unknown, true),
            (Some(c"headset"), PortType::Speaker, true),
            (Some(c"headphone"), PortType::Analog, true),
            (Some(c"hands-free"), PortType::Unknown, false),
            (Some(c"speaker"), PortType::Unknown, false),
            (Some(c"internal"), PortType::Speaker, false),
            (Some(c"internal"), PortType::Headphones, true),
        ] {
            assert_eq!(says_so(&speaker(form, port)), worn, "{form:?}, {port:?}");
        }
        let mut without = speaker(None, PortType::Headphones);
        without.ports.clear();
        assert!(!says_so(&without));
    }
}
