//! `[export]` and `[site NAME]`.

use super::*;

fn export(text: &str) -> Option<Export> {
    read(&sections(text)).unwrap().export
}

#[test]
fn a_main_needs_two_words_and_is_no_branch() {
    let settings = read(&sections("[export] sites=manager")).unwrap();
    assert!(settings.main.is_none() && settings.sync.is_none() && settings.dns.is_none());
    assert!(settings.dialplan.is_none() && settings.voicemail.is_none());
    let export = settings.export.unwrap();
    assert_eq!(export.sites, Sites::Manager);
    assert_eq!(export.files, ["pjsip.conf"]);
    assert_eq!(export.site("berlin"), SiteSection::usual("berlin"));
    assert_eq!(self::export("[export] sites=a technology=sip").unwrap().files, ["sip_additional.conf"]);
}

#[test]
fn a_branch_exports_nothing_unless_it_says_so() {
    assert_eq!(export(LEAST), None);
    assert_eq!(export(&format!("{LEAST} [export] sites=")), None);
    let both = read(&sections(&format!("{LEAST} [export] sites=a,b"))).unwrap();
    assert!(both.main.is_some() && both.sync.is_some());
    assert_eq!(both.export.unwrap().sites.to_string(), "a,b");
}

#[test]
fn a_site_has_a_section_of_its_own_where_something_is_special() {
    let export =
        export("[export] sites=manager [site~berlin] filter_value=^HeadOffice$ max_users=7 [site~ulm]");
    let export = export.unwrap();
    let berlin = export.site("berlin");
    assert_eq!(berlin.filter_value, Pattern::new("^HeadOffice$"));
    assert_eq!(berlin.max_users, 7);
    assert_eq!(export.site("ulm"), SiteSection::usual("ulm"));
}

#[test]
fn what_is_wrong_is_told_with_the_section_as_it_is_called() {
    let found =
        errors("[export] sites=a lost_after=9 [site~berlin] max_users=0 colour=red [site~x~y] [siteberlin]");
    for expected in [
        "[export] lost_after = 9: wanted is whole seconds from 10 to",
        "[site berlin] max_users = 0: wanted is",
        "[site berlin] colour: is no key of this section",
        "[site x y] -: wanted is the name of an AMI account",
        "[siteberlin] -: unknown section",
    ] {
        assert!(found.iter().any(|error| error.starts_with(expected)), "{expected} is not in {found:#?}");
    }
    assert_eq!(found.len(), 5, "{found:#?}");
    let nobody = errors("[export] sites=");
    assert!(nobody[0].starts_with("[export] sites: is missing"), "{nobody:?}");
}

#[test]
fn what_is_in_force_is_printed_as_it_is_read() {
    let text = "[export] sites=berlin,ulm lost_after=20 [site~berlin] filter_value=^x$ max_users=7";
    let settings = read(&sections(text)).unwrap();
    let shown = crate::settings::text(&settings);
    assert!(shown.contains("[site berlin]\nfilter_value = ^x$\nmax_users = 7\n"), "{shown}");
    assert!(shown.contains("[export]\nsites = berlin,ulm\n"), "{shown}");
    // Of what is off, the switch stays.
    let words = shown.replace("[site berlin]", "[site~berlin]").replace(" = ", "=").replace('\n', " ");
    let words: Vec<&str> = words.split(' ').filter(|word| !word.is_empty()).collect();
    assert_eq!(read(&sections(&words.join(" "))).unwrap().export, settings.export);
}

#[test]
fn users_in_a_database_are_asked_for_by_values_and_no_expression() {
    let text = "[export] sites=berlin source=sorcery refresh=5 [site~berlin] filter_value=^(HeadOffice|Lab)$";
    let export = export(text).unwrap();
    assert_eq!((export.source, export.refresh.as_secs()), (UserSource::Sorcery, 5));
    assert_eq!(export.asked_by().as_deref(), Some("accountcode"));
    assert_eq!(export.site("berlin").values(), Some(vec!["HeadOffice".to_owned(), "Lab".to_owned()]));
    assert_eq!(export.site("ulm").values(), Some(vec!["ulm".to_owned()]));
    for (text, wanted) in [
        ("source=sorcery technology=sip", "wanted is technology = pjsip"),
        ("source=sorcery filter_key=categoryname", "wanted is another filter_key than categoryname"),
        ("source=sorcery filter_key=set_var", "wanted is another filter_key than set_var"),
        ("source=sorcery filter_key=id;x", "wanted is another filter_key than id;x"),
        (
            "source=sorcery [site~berlin] filter_value=^Head",
            "filter_value = ^Head of [site berlin] can't be asked for",
        ),
        ("source=database", "wanted is files or sorcery"),
        ("refresh=4", "wanted is whole seconds from 5 to"),
    ] {
        let found = errors(&format!("[export] sites=berlin {text}"));
        assert!(found.len() == 1 && found[0].contains(wanted), "{text}: {found:#?}");
    }
    // Files are read whole, and any expression will do.
    assert!(
        self::export("[export] sites=berlin filter_key=set_var [site~berlin] filter_value=^Head").is_some()
    );
}
