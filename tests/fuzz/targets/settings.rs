//! `res_synch.conf`: settings or errors that can be shown, no password in either; and what `synch show config` prints
//! reads back as the same settings.

use res_synch::settings::{self, Options, Password, Secret, Settings, is_secret};

use super::conf;

/// Behind every password that is given.
const CANARY: &str = "kanarienvogel";

/// The file, as Asterisk's loader gives it.
pub fn run(octets: &[u8]) {
    let text = String::from_utf8_lossy(octets).replace(CANARY, "");
    let mut sections = conf::loaded(&text);
    let lines = sections.iter_mut().flat_map(|section| &mut section.variables);
    // Where a password is, is none.
    let passwords = lines.filter(|line| is_secret(&line.key) && line.key != "secret_file");
    passwords.for_each(|line| line.value += CANARY);
    let settings = match settings::read(&sections) {
        Ok(settings) => settings,
        Err(errors) => {
            assert!(!errors.is_empty());
            return errors.iter().for_each(|error| assert!(!error.to_string().contains(CANARY), "{error}"));
        }
    };
    let shown = settings::text(&settings);
    for text in [&shown, &format!("{settings:?}")] {
        assert!(!text.contains(CANARY), "{text}");
    }
    assert_eq!(settings::read(&conf::loaded(&shown)), Ok(masked(settings)), "{shown}");
}

/// With `***` for every password.
fn masked(mut settings: Settings) -> Settings {
    let masked = || Secret::new("***");
    let main = settings.main.iter_mut().map(|main| &mut main.password);
    let broker = settings.state.iter_mut().filter_map(|state| state.password.as_mut());
    for password in main.chain(broker) {
        if let Password::Given(secret) = password {
            *secret = masked();
        }
    }
    settings.drill.account.iter_mut().for_each(|account| account.secret = masked());
    let mask = |options: &mut Options| {
        let secrets = options.iter_mut().filter(|(key, _)| is_secret(key));
        secrets.for_each(|(_, value)| *value = "***".to_owned());
    };
    let policy = &mut settings.policy;
    [&mut policy.endpoint, &mut policy.aor, &mut policy.peer].into_iter().for_each(mask);
    settings
}
