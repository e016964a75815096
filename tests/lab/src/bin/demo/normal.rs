//! While the main serves: a change there is live here, and the branch dials by itself.

use lab::carrier::CARRIER;
use lab::wait::{GENEROUS, until};
use lab::{Result, Site};

use crate::cast::{Cast, call, hang_up};
use crate::story::Story;

/// What the new colleague has in voicemail.conf on the main.
const BOX: &str = "1004 => 4714,New,new@example.com,,attach=yes|saycid=no\n";

/// Tells it.
pub fn tell(cast: &mut Cast, story: &mut Story) -> Result {
    a_new_colleague(&cast.site, story)?;
    cast.show(story, "synch show status")?;
    calls(cast, story)
}

/// Somebody new on the main, with a box: live here in seconds, though a sync is only due every five minutes.
fn a_new_colleague(site: &Site, story: &mut Story) -> Result {
    site.add_user("1004", "HeadOffice")?;
    let boxes = site.main.read_conf("voicemail.conf")?;
    site.main
        .write_conf("voicemail.conf", &boxes.replacen("[default]\n", &format!("[default]\n{BOX}"), 1))?;
    site.main.reload("core reload")?;
    story.begin("On the main, a new colleague got the number 1004 and a mailbox; the main has reloaded.");
    until("1004 to be live", GENEROUS, || {
        site.branch.live_users().is_ok_and(|users| users.iter().any(|user| user == "1004"))
    })?;
    site.branch.wait_context("synch-users", "1004", true)?;
    story.step("change on the main: 1004 live and in the dialplan of the branch");
    until("the box of 1004", GENEROUS, || {
        site.branch.rx("voicemail show users").is_ok_and(|boxes| boxes.contains("1004"))
    })?;
    story.step("change on the main: the mailbox of 1004 live at the branch");
    Ok(())
}

fn calls(cast: &mut Cast, story: &mut Story) -> Result {
    story.begin("A phone at the branch calls a user of another site.");
    call(&mut cast.alex, "2001", "2001")?;
    story.step("Normal: 1002 calls 2001 over the main, and hears him");
    hang_up(&mut cast.alex)?;

    story.begin("It calls 112.");
    let before = cast.carrier.taken().len();
    call(&mut cast.alex, "112", CARRIER)?;
    cast.carrier_takes(before, "112")?;
    story.step("Normal: 112 goes out over the local trunk, with the site's number");
    hang_up(&mut cast.alex)
}
