use clap::{CommandFactory, Parser};
use tempfile::NamedTempFile;

use super::*;

fn file(text: &str) -> NamedTempFile {
    let file = NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), text).expect("a file");
    file
}

fn resolve(flags: &[&str], text: &str) -> Result<Settings, SettingsError> {
    let command_line = CommandLine::parse_from(["signedcall-server", "--data", "/data"].iter().chain(flags));
    Settings::resolve(command_line.given, Some(file(text).path()))
}

#[test]
fn nothing_listens_beyond_this_machine_unless_it_is_set() {
    let settings = resolve(&[], "").expect("defaults");
    assert_eq!(settings.listen.to_string(), "127.0.0.1:7443");
    let RelaySettings::Embedded(relay) = settings.relay else { panic!("another relay was never set") };
    assert!(relay.listen.ip().is_loopback() && settings.operator_listen.is_none() && settings.dashboard_listen.is_none() && !settings.demo);
}

#[test]
fn a_flag_wins_over_the_file() {
    let text = "listen = '127.0.0.1:1'\nring_seconds = 20\nlog = 'debug'";
    let settings = resolve(&["--listen", "127.0.0.1:2"], text).expect("valid settings");
    assert_eq!((settings.listen.port(), settings.hub.ring_for.as_secs(), settings.log.as_str()), (2, 20, "debug"));
}

#[test]
fn a_relay_elsewhere_is_reached_in_several_ways_with_a_secret_from_a_file() {
    let secret = file("a secret of coturn's\n");
    let path = secret.path().to_str().expect("a name");
    let flags = ["--turn-url", "turn:relay.example", "--turn-url", "turns:relay.example:443", "--turn-secret-file", path];
    let RelaySettings::External(relay) = resolve(&flags, "").expect("valid settings").relay else { panic!("it was set") };
    let urls: Vec<String> = relay.urls.iter().map(ToString::to_string).collect();
    assert_eq!(urls, ["turn:relay.example:3478?transport=udp", "turns:relay.example:443?transport=tcp"]);
    assert_eq!(relay.secret.expose(), "a secret of coturn's");
}

#[test]
fn a_wrong_value_is_refused_by_the_setting_s_name() {
    let rows = [
        ("listen = 'somewhere'", "listen"),
        ("bus = 'nats://localhost'", "bus"),
        ("store = 'postgres://me@localhost/db'\nbus = 'nats://bus.example'", "bus"),
        ("node_name = 'one'", "node_name"),
        ("store = 'postgres://me@localhost/db'\nbus = 'nats://localhost'\nnode_name = 'one two'", "node_name"),
        ("ring_seconds = 4", "ring_seconds"),
        ("ring_seconds = 'long'", "ring_seconds"),
        ("demo_max_call_seconds = 0", "demo_max_call_seconds"),
        ("demo_max_call_seconds = 86401", "demo_max_call_seconds"),
        ("turn_credential_hours = 0", "turn_credential_hours"),
        ("drain_seconds = 601", "drain_seconds"),
        ("waiting_connections = 15", "waiting_connections"),
        ("waiting_connections_per_address = 0", "waiting_connections_per_address"),
        ("api_requests_per_minute = 0", "api_requests_per_minute"),
        ("keep_records = 0", "keep_records"),
        ("token_audience = ''", "token_audience"),
        ("log_format = 'xml'", "log_format"),
        ("user_calls_per_minute = 0", "user_calls_per_minute"),
        ("user_calls_per_minute = 60001", "user_calls_per_minute"),
        ("account_calls_per_minute = 0", "account_calls_per_minute"),
        ("tls_certificate = '/service.pem'", "tls_key"),
        ("tls_key = '/service.key'", "tls_certificate"),
        ("turn_ports = '60000-50000'", "turn_ports"),
        ("turn_ports = '80'", "turn_ports"),
        ("turn_listen = '0.0.0.0:3478'", "turn_listen"),
        ("turn_listen = '192.0.2.1:3478'\nturn_public_address = '0.0.0.0'", "turn_public_address"),
        ("turn_public_address = '2001:db8::1'", "turn_public_address"),
        ("turn_url = ['turn:relay.example']", "turn_secret_file"),
        ("turn_secret_file = '/secret'", "turn_url"),
        ("turn_url = []\nturn_secret_file = '/secret'", "turn_url"),
        ("turn_url = ['stun:relay.example']\nturn_secret_file = '/secret'", "stun:relay.example: it has to begin with turn: or turns:"),
        ("turn_url = ['turn:relay.example']\nturn_secret_file = '/no/such/secret'", "turn_secret_file"),
        ("turn_url = ['turn:relay.example']\nturn_secret_file = '/dev/null'", "turn_secret_file = /dev/null: it is empty"),
        ("turn_url = ['turn:relay.example']\nturn_secret_file = '/secret'\nturn_ports = '50000-60000'", "turn_ports"),
        ("push_contact = 'ops@example.com'", "push_contact"),
        ("push_apns_production = 'http://apns.example'", "push_apns_production"),
        ("push_apns_development = 'https://127.0.0.1'", "push_apns_development"),
        ("push_to_private_addresses = true\npush_apns_development = 'http://127.0.0.1'", "push_apns_development"),
        ("listn = '127.0.0.1:1'", "listn"),
        ("demo = true\nlisten = '0.0.0.0:7443'", "listen"),
        ("demo = true\nturn_listen = '192.0.2.1:3478'", "turn_listen"),
    ];
    for (text, name) in rows {
        let refused = resolve(&[], text).expect_err(text).to_string();
        assert!(refused.contains(name), "{text}: {refused}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_refused_by_name() {
    let refused = Settings::resolve(Given::default(), Some(Path::new("/no/such/file.toml"))).expect_err("no file").to_string();
    assert!(refused.contains("/no/such/file.toml"), "{refused}");
}

#[test]
fn every_setting_has_a_flag_a_variable_and_a_key_and_is_in_the_help() {
    let mut command = CommandLine::command();
    let help = command.render_long_help().to_string();
    let settings: Vec<_> = command.get_arguments().filter(|argument| argument.get_env().is_some()).collect();
    assert_eq!(settings.len(), 35, "thirty-four settings, and the file that holds them");
    for argument in settings {
        let (flag, variable) = (argument.get_long().expect("a flag"), argument.get_env().expect("a variable").to_string_lossy());
        assert_eq!(variable, format!("SIGNEDCALL_{}", flag.to_uppercase().replace('-', "_")));
        assert!(help.contains(&format!("--{flag}")) && help.contains(variable.as_ref()), "{flag}");
        assert!(argument.get_help().is_some_and(|help| help.to_string().len() > 20), "{flag}");
        if flag != "config" {
            let refused = resolve(&[], &format!("{} = []", flag.replace('-', "_"))).expect_err("an array").to_string();
            assert!(!refused.contains("unknown field"), "{flag} is no key of the file: {refused}");
        }
    }
}
