//! Which applications and functions contexts of the main may use on this branch. Pure.
//!
//! What is on the lists runs nothing else, reads and writes no file, opens no connection of its own choice, and touches
//! no other call. Where only some arguments of an application do, its `Form` tells the check which.

use std::collections::HashSet;

/// How the arguments of an application are to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Whatever they come to, they do no harm.
    Plain,
    /// Names of sounds; Asterisk would fetch an address.
    Sounds,
    /// `Goto`.
    Go,
    /// `GotoIf`, `GotoIfTime`.
    GoIf,
    /// `Gosub`.
    Gosub,
    /// `GosubIf`.
    GosubIf,
    /// `Set`.
    Set,
    /// `MSet`.
    SetMany,
    /// `Dial`.
    Dial,
    /// `Queue`.
    Queue,
    /// `VoiceMail`.
    Mail,
    /// `VoiceMailMain`: without its option `s`, which asks for no PIN.
    Mailbox,
    /// `Read`.
    Read,
    /// `Background`.
    Background,
    /// Names alone, no paths.
    Tame,
}

/// Applications with their forms.
///
/// Not among them, because they run programs or other applications: System, TrySystem, AGI and its kin, ExternalIVR, Exec,
/// TryExec, ExecIf, MixMonitor, Monitor, Macro, WaitForCond, Lua and AEL switches; because they start other calls or take
/// hold of them: Originate, Page, FollowMe, DISA, ChanSpy, ExtenSpy, Bridge, ChannelRedirect, SoftHangup, SendDTMF, Transfer,
/// BlindTransfer, Park, RetryDial; because they read or write files, the database or the network: Record, ReadFile, Dictate,
/// DBdel, DBdeltree, MessageSend, SendURL, SendText, Festival, SMS, AudioSocket, Stasis, UserEvent; because they go on in a
/// context of their argument: Directory, ReadExten, PrivacyManager, MinivmGreet.
const APPLICATIONS: [(&str, Form); 62] = [
    ("Answer", Form::Plain),
    ("Authenticate", Form::Tame),
    ("Background", Form::Background),
    ("Busy", Form::Plain),
    ("CallCompletionCancel", Form::Plain),
    ("CallCompletionRequest", Form::Plain),
    ("CELGenUserEvent", Form::Plain),
    ("ConfBridge", Form::Tame),
    ("Congestion", Form::Plain),
    ("ContinueWhile", Form::Plain),
    ("Dial", Form::Dial),
    ("Echo", Form::Plain),
    ("ElseIf", Form::Plain),
    ("Else", Form::Plain),
    ("EndIf", Form::Plain),
    ("EndWhile", Form::Plain),
    ("ExitIf", Form::Plain),
    ("ExitWhile", Form::Plain),
    ("Gosub", Form::Gosub),
    ("GosubIf", Form::GosubIf),
    ("Goto", Form::Go),
    ("GotoIf", Form::GoIf),
    ("GotoIfTime", Form::GoIf),
    ("Hangup", Form::Plain),
    ("If", Form::Plain),
    ("Incomplete", Form::Plain),
    ("Log", Form::Plain),
    ("Milliwatt", Form::Plain),
    ("MSet", Form::SetMany),
    ("MusicOnHold", Form::Plain),
    ("NoCDR", Form::Plain),
    ("NoOp", Form::Plain),
    ("Pickup", Form::Tame),
    ("Playback", Form::Sounds),
    ("PlayTones", Form::Plain),
    ("Proceeding", Form::Plain),
    ("Progress", Form::Plain),
    ("Queue", Form::Queue),
    ("RaiseException", Form::Plain),
    ("Read", Form::Read),
    ("ResetCDR", Form::Plain),
    ("Return", Form::Plain),
    ("Ringing", Form::Plain),
    ("SayAlpha", Form::Plain),
    ("SayAlphaCase", Form::Plain),
    ("SayDigits", Form::Plain),
    ("SayNumber", Form::Plain),
    ("SayPhonetic", Form::Plain),
    ("SayUnixTime", Form::Plain),
    ("Set", Form::Set),
    ("SetAMAFlags", Form::Plain),
    ("StackPop", Form::Plain),
    ("StartMusicOnHold", Form::Plain),
    ("StopMusicOnHold", Form::Plain),
    ("StopPlayTones", Form::Plain),
    ("Verbose", Form::Plain),
    ("VoiceMail", Form::Mail),
    ("VoiceMailMain", Form::Mailbox),
    ("Wait", Form::Plain),
    ("WaitExten", Form::Plain),
    ("WaitForSilence", Form::Plain),
    ("While", Form::Plain),
];

/// Functions that may be read; true for those whose first argument is the name of a variable, which Asterisk evaluates as
/// `${NAME}` would be: `CUT(SHELL(...),...)` runs a program, so that has to be a plain name.
///
/// Not among them: SHELL, FILE, ENV, STAT, CURL and what else asks the system or the network; EVAL, which evaluates twice; AST_CONFIG,
/// AST_SORCERY, PJSIP_AOR, PJSIP_ENDPOINT, VM_INFO, REALTIME and ODBC, which can tell passwords; IMPORT, EXPORT, SHARED and
/// AMI_CLIENT, which reach other calls and sessions; LOCK, which can hold them up.
const READS: [(&str, bool); 50] = [
    ("BASE64_ENCODE", false),
    ("CALLERID", false),
    ("CDR", false),
    ("CHANNEL", false),
    ("CONNECTEDLINE", false),
    ("CSV_QUOTE", false),
    ("CUT", true),
    ("DB", false),
    ("DB_EXISTS", false),
    ("DEC", true),
    ("DEVICE_STATE", false),
    ("DIALPLAN_EXISTS", false),
    ("EXISTS", false),
    ("EXTENSION_STATE", false),
    ("FIELDNUM", true),
    ("FIELDQTY", true),
    ("FILTER", false),
    ("GROUP", false),
    ("GROUP_COUNT", false),
    ("GROUP_LIST", false),
    ("GROUP_MATCH_COUNT", false),
    ("HANGUPCAUSE", false),
    ("HINT", false),
    ("IF", false),
    ("IFTIME", false),
    ("INC", true),
    ("ISNULL", false),
    ("KEYPADHASH", false),
    ("LEN", false),
    ("LISTFILTER", true),
    ("LOCAL", false),
    ("MAILBOX_EXISTS", false),
    ("MATH", false),
    ("MD5", false),
    ("PJSIP_DIAL_CONTACTS", false),
    ("POP", true),
    ("QUOTE", false),
    ("RAND", false),
    ("REGEX", false),
    ("REPLACE", true),
    ("SHA1", false),
    ("SHIFT", true),
    ("STRFTIME", false),
    ("STRREPLACE", true),
    ("SYNCH", false),
    ("SYNCH_USER", false),
    ("TIMEOUT", false),
    ("TOLOWER", false),
    ("TOUPPER", false),
    ("VMCOUNT", false),
];

/// Functions that may be set, and to which arguments; none: any plain word.
///
/// Not among them: CHANNEL's hangup handlers and trace options, GLOBAL and SHARED (other calls), DB, FILE, and whatever puts dialplan,
/// audio hooks or headers into a call.
const WRITES: [(&str, Option<&[&str]>); 6] = [
    ("CALLERID", None),
    ("CDR", None),
    ("CHANNEL", Some(&["accountcode", "amaflags", "language", "musicclass", "tonezone", "userfield"])),
    ("CONNECTEDLINE", None),
    ("GROUP", None),
    ("TIMEOUT", None),
];

/// Applications whose loss lets a call go on as it was meant: they record, log or tell somebody. Everything else that is lost ends the
/// call: it may have been what kept callers from the step behind it.
const NOT_MISSED: [&str; 24] = [
    "CELGenUserEvent",
    "DumpChan",
    "ForkCDR",
    "Log",
    "MixMonitor",
    "Monitor",
    "NoCDR",
    "NoOp",
    "PauseMonitor",
    "Playback",
    "Progress",
    "ResetCDR",
    "Ringing",
    "SendText",
    "SendURL",
    "SetAMAFlags",
    "SIPAddHeader",
    "StopMixMonitor",
    "StopMonitor",
    "System",
    "TrySystem",
    "UnpauseMonitor",
    "UserEvent",
    "Verbose",
];

/// The defaults, and what the administrator added.
#[derive(Clone, Debug, Default)]
pub struct Allowed {
    applications: HashSet<String>,
    functions: HashSet<String>,
}

impl Allowed {
    /// The defaults, and besides them these names, upper or lower case. An application that is added runs with any arguments, and
    /// one that runs others opens all of those; a function that is added may be read and set.
    #[must_use]
    pub fn new(applications: &[&str], functions: &[&str]) -> Self {
        let lower = |names: &[&str]| names.iter().map(|name| name.trim().to_ascii_lowercase()).collect();
        Self { applications: lower(applications), functions: lower(functions) }
    }

    /// Whether it may run at all.
    #[must_use]
    pub fn runs(&self, application: &str) -> bool {
        self.form(application).is_some()
    }

    /// Whether it may be read.
    #[must_use]
    pub fn reads(&self, function: &str) -> bool {
        READS.iter().any(|(name, _)| name.eq_ignore_ascii_case(function)) || self.added(function)
    }

    /// Whether it may be set.
    #[must_use]
    pub fn writes(&self, function: &str, argument: &str) -> bool {
        let known = WRITES.iter().find(|(name, _)| name.eq_ignore_ascii_case(function));
        let fits = |(_, arguments): &(&str, Option<&[&str]>)| {
            arguments.is_none_or(|arguments| arguments.iter().any(|word| word.eq_ignore_ascii_case(argument)))
        };
        known.is_some_and(fits) || self.added(function)
    }

    pub(super) fn form(&self, application: &str) -> Option<Form> {
        let known = APPLICATIONS.iter().find(|(name, _)| name.eq_ignore_ascii_case(application));
        let added = || self.applications.contains(&application.to_ascii_lowercase()).then_some(Form::Plain);
        known.map(|(_, form)| *form).or_else(added)
    }

    fn added(&self, function: &str) -> bool {
        self.functions.contains(&function.to_ascii_lowercase())
    }
}

/// Whether its first argument is the name of a variable.
pub(super) fn takes_name(function: &str) -> bool {
    READS.iter().any(|(name, takes)| *takes && name.eq_ignore_ascii_case(function))
        || function.eq_ignore_ascii_case("LOCAL")
}

/// Whether a call may go on without it.
pub(super) fn not_missed(application: &str) -> bool {
    NOT_MISSED.iter().any(|name| name.eq_ignore_ascii_case(application))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_administrator_has_to_say_explicitly_is_on_no_list() {
        let allowed = Allowed::new(&[], &[]);
        for name in [
            "System",
            "TrySystem",
            "AGI",
            "EAGI",
            "DeadAGI",
            "Exec",
            "TryExec",
            "ExecIf",
            "ExecIfTime",
            "MixMonitor",
            "Macro",
            "Originate",
            "",
        ] {
            assert!(!allowed.runs(name), "{name}");
        }
        for name in ["SHELL", "FILE", "CURL", "EVAL", "ENV", "GLOBAL", "DB_DELETE", "ODBC_X", ""] {
            assert!(!allowed.reads(name) && !allowed.writes(name, ""), "{name}");
        }
        assert!(!allowed.writes("DB", "a/b") && !allowed.writes("CHANNEL", "hangup_handler_push"));
    }

    #[test]
    fn the_administrators_word_counts_in_any_case() {
        let allowed = Allowed::new(&[" system"], &["Shell"]);
        assert!(allowed.runs("SYSTEM") && allowed.runs("noop") && !allowed.runs("AGI"));
        assert!(allowed.reads("SHELL") && allowed.writes("shell", "x") && allowed.reads("len"));
        assert_eq!(allowed.form("dial"), Some(Form::Dial));
    }
}
