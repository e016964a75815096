//! Administrators' own configurations, as they lie in a folder: one folder a case, `input-main` for the main and
//! `input-branch` for the branch.

use std::fs;
use std::path::{Path, PathBuf};

use lab::wait::{GENEROUS, until_value};
use lab::{Context, Error, Result, Site, Version};

lab::tests_on!(
    on_22,
    V22,
    #[ignore = "wants cases in the folder that SYNCH_CASES names"]
    every_case_is_as_it_should_be,
);

/// What a case comes to.
struct Case {
    name: &'static str,
    /// Whom the branch has.
    users: &'static str,
    /// What the doctor says among other things.
    told: &'static [&'static str],
    /// What functions give.
    given: &'static [(&'static str, &'static str)],
}

const fn case(name: &'static str, users: &'static str) -> Case {
    Case { name, users, told: &[], given: &[] }
}

const CASES: &[Case] = &[
    case("01-allowmultiplelogin", "1001 1002"),
    Case {
        told: &["the first is 1006: its mailbox could be 1006@default or 1006@tenant2"],
        given: &[("SYNCH_USER(1004,voicemail)", "1004@sales")],
        ..case("02-box-contexts", "1004 1005 1006")
    },
    Case {
        given: &[
            ("SYNCH_USER(299,hint)", "PJSIP/299-plain&PJSIP/299-rtc&PJSIP/299-tls"),
            ("SYNCH_USER(301,hint)", "PJSIP/301-desk&PJSIP/301-cell"),
        ],
        ..case("03-one-number-several-devices", "299-plain 299-rtc 299-tls 301-cell 301-desk")
    },
    Case {
        given: &[("SYNCH_USER(201,device)", "PJSIP/8439201745"), ("SYNCH_USER(203,device)", "PJSIP/cc203")],
        ..case("04-account-numbers", "8439201745 8439201746 cc203")
    },
    case("05-newer-main", "1001 1002 1003 1004 1005 1006 1007"),
    case("06-freepbx-custom-post", "1001 1002"),
    case("07-at-variables", "1001 1002 1003"),
    case("10-tcp-phones", "1001 1002"),
    case("12-outbound-auth", "1001 1002"),
    Case {
        told: &["the first is 1004@default", "passwordlocation = spooldir"],
        ..case("13-voicemail-fields", "1001 1002 1003 1004 1005 1006 1007 1008 1009 1010")
    },
    case("14-dns-slips", "1001"),
    Case {
        told: &["9911 in synch-internal goes out over local_trunk as 911"],
        given: &[
            ("SYNCH_TRUNK(local,9911)", "PJSIP/911@local-trunk"),
            ("SYNCH_TRUNK(local,0112)", "PJSIP/112@local-trunk"),
            ("SYNCH_TRUNK(local,+112)", "PJSIP/112@local-trunk"),
        ],
        ..case("16-emergency-prefix", "1001")
    },
    case("17-wizard", "1001 1002"),
    Case { told: &["says that users are in a database", "ps_endpoints"], ..case("18-realtime", "") },
    Case {
        told: &[
            "mailbox 700@default (700 in site-a)",
            "queue support",
            "phone 2001",
            "can't be called, because the first step was left out",
            ": 703 in site-a.",
        ],
        ..case("21-contexts-refer", "1001")
    },
    case("22-chan-sip-types", "1001 1002 1003 1004 1007"),
    case("23-type-twice", "1001 1002 1003"),
    Case { told: &["its configuration says 5062"], ..case("24-sip-voices", "1001") },
    case("26-small-gaps", "1001"),
    case("27-blf", "1001 1002"),
    case("29-dialplan-idioms", "1001 1002"),
    case("30-config-slips", "1001"),
    Case { told: &["default_realm = pbx.example.com"], ..case("31-md5-realm", "1001 1002") },
    case("32-dtls", "1001 1002 1003 1004"),
    case(
        "33-user-at-domain",
        "+49301234501 0106 1001@voice.example.com 1002@sip.voice.example.com 103-ACME T5_107 anna.example",
    ),
    case("34-static-contact", "1001 8001"),
    case("35-filters", "1001"),
    case("36-templates", "101 102"),
    case("39-ami-clients", "1001 1002 1003 1004 1005"),
    // 1002 is the branch's own.
    case("40-freepbx-branch", "1001 1002 1003"),
    case("42-lists", "1001 1002"),
    case("43-older-main", "1001 1002 1003 1004 1005 1006"),
    case("44-registrations", "1001 1002 1003"),
];

fn every_case_is_as_it_should_be(_: Version) -> Result {
    let folder = PathBuf::from(std::env::var_os("SYNCH_CASES").context("SYNCH_CASES names no folder")?);
    let only = std::env::var("SYNCH_CASE").unwrap_or_default();
    let mut wrong = Vec::new();
    for case in CASES.iter().filter(|case| case.name.starts_with(&only)) {
        if let Err(error) = tried(&folder.join(case.name), case) {
            wrong.push(format!("{}: {error}", case.name));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(Error::new(wrong.join("\n"))) }
}

fn tried(folder: &Path, case: &Case) -> Result {
    let site = with_files(folder)?;
    until_value("a sync", GENEROUS, || site.status("Syncs"), |syncs| syncs != "0")?;
    let users = site.branch.live_users()?.join(" ");
    let report = site.branch.rx("synch doctor")?;
    if users != case.users {
        return Err(Error::new(format!("its users are '{users}': {}\n{report}", site.status("SyncReason")?)));
    }
    if let Some(told) = case.told.iter().find(|told| !report.contains(**told)) {
        return Err(Error::new(format!("'{told}' is not told:\n{report}")));
    }
    case.given.iter().try_for_each(|(call, wanted)| site.branch.wait_function(call, wanted))
}

/// A site whose systems have the files of a case, with the lab's own trunks, zone and addresses.
fn with_files(folder: &Path) -> Result<Site> {
    let settings = fs::read_to_string(folder.join("input-branch/res_synch.conf")).context("its settings")?;
    let sip = settings.contains("technology=sip");
    let mut site = Site::with_dialplan(if sip { Version::V16 } else { Version::V22 })?;
    let own = site.branch.read_conf("res_synch.conf")?;
    let zone = own.split("[dns]\n").nth(1).and_then(|rest| rest.split("\n[").next()).unwrap_or_default();
    let settings = settings
        .replace("host=10.99.0.1\n", &format!("host={}\n", site.main.address()))
        .replace("secret=pw\n", "secret=SomePasswordHere\n")
        .replace("[dns]\n", &format!("[dns]\n{zone}\n"));
    for (name, asterisk) in [("input-main", &site.main), ("input-branch", &site.branch)] {
        let Ok(files) = fs::read_dir(folder.join(name)) else { continue };
        for file in files.flatten() {
            // As it lies: some are no UTF-8.
            let text = fs::read(file.path()).context(file.path().display())?;
            let to = asterisk.path("etc").join(file.file_name());
            fs::write(&to, text).context(format!("writing {}", to.display()))?;
        }
    }
    site.branch.write_conf("res_synch.conf", &settings)?;
    // One of them includes a folder, which a main that runs has.
    let folder = site.main.path("etc/pjsip.d");
    fs::create_dir_all(&folder).context(folder.display())?;
    fs::write(folder.join("empty.conf"), "\n").context("an empty file")?;
    site.start()?;
    Ok(site)
}
