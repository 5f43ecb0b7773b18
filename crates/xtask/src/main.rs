//! The commands a developer types: `run`, `cluster`, `test`, `conformance`, `fuzz`, `bench`, `screens` and `deb`.

#![expect(clippy::print_stdout, reason = "a command-line tool speaks on standard output")]

mod bench;
mod cluster;
mod conformance;
mod deb;
mod fuzz;
mod npm;
mod packages;
mod processes;
mod python;
mod run;
mod screens;
mod steps;
mod test;
mod ui;
mod workspace;

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::workspace::Workspace;

const HELP: &str = "\
Usage: cargo xtask <command>

  run [--two]      install what is missing, build everything, and open the app signed in to a service of its own,
                   with an echo contact to call; --two opens a second user's window as well.
                   Without a display: make a call under a virtual one and report it.
  cluster [--load] install what is missing, and run three nodes of the service on a database and a bus of their own, until Ctrl-C;
                   --load has the users of four companies call each other all the time, after a month of calls
  test [step…]     install what tests need and run all of them, or only the steps named; `test --list` names them
  conformance      print each requirement with the tests that prove it and how they ended in the last run of `test`
  fuzz [target] [--seconds N]
                   feed wire, device and hub, or one of them, with what nobody would send; ten minutes unless told otherwise
  bench [name]     measure a release build, beside its peers; the figures go to target/bench/<name>.json
  screens [app | dashboard]
                   draw every screen again, and the pictures of the README: those of the app in a browser, those of the dashboard
                   from one node of a cluster with --load
  deb              build the service and pack it for Debian, into target/deb
  help             this text
";

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
enum Command {
    Run { two: bool },
    Cluster { load: bool },
    Test { steps: Vec<String> },
    ListSteps,
    Conformance,
    Fuzz { target: Option<String>, seconds: u64 },
    Bench { name: Option<String> },
    Screens { app: bool, dashboard: bool },
    Deb,
    Help,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match parse(&arguments).and_then(execute) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("\nxtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn execute(command: Command) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    match command {
        Command::Run { two } => run::run(&workspace, two)?,
        Command::Cluster { load } => cluster::cluster(&workspace, load)?,
        Command::Test { steps } => return test::test(&workspace, &steps),
        Command::ListSteps => print!("{}", test::list()),
        Command::Conformance => {
            let proved = conformance::conformance(&workspace, &test::step_names())?;
            return Ok(if proved { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Command::Fuzz { target, seconds } => fuzz::fuzz(&workspace, target.as_deref(), seconds)?,
        Command::Bench { name } => bench::bench(&workspace, name.as_deref())?,
        Command::Screens { app, dashboard } => screens::draw(&workspace, app, dashboard)?,
        Command::Deb => deb::deb(&workspace)?,
        Command::Help => print!("{HELP}"),
    }
    Ok(ExitCode::SUCCESS)
}

fn parse(arguments: &[String]) -> Result<Command> {
    let Some((command, rest)) = arguments.split_first() else { return Ok(Command::Help) };
    match (command.as_str(), rest) {
        ("run", []) => Ok(Command::Run { two: false }),
        ("run", [option]) if option == "--two" => Ok(Command::Run { two: true }),
        ("cluster", []) => Ok(Command::Cluster { load: false }),
        ("cluster", [option]) if option == "--load" => Ok(Command::Cluster { load: true }),
        ("test", [option]) if option == "--list" => Ok(Command::ListSteps),
        ("test", steps) if steps.iter().all(|step| !step.starts_with('-')) => Ok(Command::Test { steps: steps.to_vec() }),
        ("conformance", []) => Ok(Command::Conformance),
        ("fuzz", [target @ .., option, seconds]) if option == "--seconds" && target.len() <= 1 => match seconds.parse() {
            Ok(seconds) => Ok(Command::Fuzz { target: target.first().cloned(), seconds }),
            Err(_) => bail!("`{seconds}` is no number of seconds\n\n{HELP}"),
        },
        ("fuzz", target @ ([] | [_])) if target.iter().all(|target| !target.starts_with('-')) => {
            Ok(Command::Fuzz { target: target.first().cloned(), seconds: fuzz::SECONDS })
        }
        ("bench", []) => Ok(Command::Bench { name: None }),
        ("bench", [name]) if !name.starts_with('-') => Ok(Command::Bench { name: Some(name.clone()) }),
        ("screens", []) => Ok(Command::Screens { app: true, dashboard: true }),
        ("screens", [one]) if one == "app" || one == "dashboard" => {
            Ok(Command::Screens { app: one == "app", dashboard: one == "dashboard" })
        }
        ("deb", []) => Ok(Command::Deb),
        ("help" | "--help" | "-h", []) => Ok(Command::Help),
        ("run" | "cluster" | "test" | "conformance" | "fuzz" | "bench" | "screens" | "deb" | "help" | "--help" | "-h", rest) => {
            bail!("`{command}` does not understand `{}`\n\n{HELP}", rest.join(" "))
        }
        (unknown, _) => bail!("there is no command `{unknown}`\n\n{HELP}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command> {
        parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn each_command_is_understood() {
        assert_eq!(parsed("").unwrap(), Command::Help);
        assert_eq!(parsed("run").unwrap(), Command::Run { two: false });
        assert_eq!(parsed("run --two").unwrap(), Command::Run { two: true });
        assert_eq!(parsed("cluster").unwrap(), Command::Cluster { load: false });
        assert_eq!(parsed("cluster --load").unwrap(), Command::Cluster { load: true });
        assert_eq!(parsed("test").unwrap(), Command::Test { steps: vec![] });
        assert_eq!(parsed("test ui e2e").unwrap(), Command::Test { steps: vec!["ui".to_owned(), "e2e".to_owned()] });
        assert_eq!(parsed("test --list").unwrap(), Command::ListSteps);
        assert_eq!(parsed("conformance").unwrap(), Command::Conformance);
        let fuzz = |target: Option<&str>, seconds| Command::Fuzz { target: target.map(str::to_owned), seconds };
        assert_eq!(parsed("fuzz").unwrap(), fuzz(None, fuzz::SECONDS));
        assert_eq!(parsed("fuzz hub --seconds 5").unwrap(), fuzz(Some("hub"), 5));
        assert_eq!(parsed("fuzz --seconds 5").unwrap(), fuzz(None, 5));
        assert_eq!(parsed("bench call").unwrap(), Command::Bench { name: Some("call".to_owned()) });
        assert_eq!(parsed("screens").unwrap(), Command::Screens { app: true, dashboard: true });
        assert_eq!(parsed("screens app").unwrap(), Command::Screens { app: true, dashboard: false });
        assert_eq!(parsed("screens dashboard").unwrap(), Command::Screens { app: false, dashboard: true });
        assert_eq!(parsed("deb").unwrap(), Command::Deb);
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (line, name) in [
            ("rnu", "rnu"),
            ("run --three", "--three"),
            ("cluster 4", "4"),
            ("test --fast", "--fast"),
            ("fuzz hub wire", "hub wire"),
            ("fuzz --seconds x", "x"),
            ("bench a b", "a b"),
            ("screens x", "x"),
        ] {
            let message = parsed(line).unwrap_err().to_string();
            assert!(message.contains(&format!("`{name}`")), "{line}: {message}");
        }
    }
}
