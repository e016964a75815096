//! The main dies, the branch serves, the main comes back.

use lab::carrier::CARRIER;
use lab::error::Error;
use lab::wait::GENEROUS;
use lab::{Phone, Result};

use crate::cast::{Cast, call, hang_up};
use crate::lamp;
use crate::story::Story;

/// Tells it.
pub fn tell(cast: &mut Cast, story: &mut Story) -> Result {
    death(cast, story)?;
    a_call(cast, story)?;
    voicemail(cast, story)?;
    public_network(cast, story)?;
    lamp::tell(cast, story, lamp::IN_IT)?;
    cast.show(story, "voicemail show users")?;
    home_again(cast, story)
}

fn death(cast: &mut Cast, story: &mut Story) -> Result {
    story.say("(The main is probed every second here, at a site every 5; phones register every 10 s, at a site every");
    story.say(
        " 60 to 120. A phone that asks the dead main just before DNS switches tries again only half a minute",
    );
    story.say(" later or more: so as not to wait for that, here the main dies when they have just asked.)");
    cast.just_registered()?;
    cast.site.main.kill_9()?;
    story.begin("Now the main dies: kill -9.");
    cast.the_name_is(&cast.site.branch)?;
    story.step("main killed: DNS names the branch");
    cast.phones_at_the_branch()?;
    story.step("main killed: phones 1001 and 1003 registered at the branch");
    Ok(())
}

fn a_call(cast: &mut Cast, story: &mut Story) -> Result {
    story.begin("1001 calls 1003.");
    call(&mut cast.alice, "1003", "1003")?;
    cast.zoe.wait_hears("1001", GENEROUS)?;
    story.step("Failover: 1001 calls 1003, both hear each other");
    hang_up(&mut cast.alice)?;
    cast.zoe.wait_call_ended(GENEROUS).map(drop)
}

/// Each call takes as long as the caller speaks: some seconds.
fn voicemail(cast: &mut Cast, story: &mut Story) -> Result {
    story.begin("1001 calls 1004, who has no phone yet.");
    leave_message(cast, "1004")?;
    story.step("Failover: 1001 calls 1004, absent: a message in the box of 1004");

    story.begin("1001 calls 1003, who talks to 1002.");
    call(&mut cast.alex, "1003", "1003")?;
    leave_message(cast, "1003")?;
    story.step("Failover: 1001 calls 1003, busy: a message in the box of 1003");
    hang_up(&mut cast.alex)?;
    cast.zoe.wait_call_ended(GENEROUS).map(drop)
}

/// 1001 leaves one message, which is the only one there and has her voice.
fn leave_message(cast: &mut Cast, user: &str) -> Result {
    cast.alice.leave_message(user)?;
    let branch = &cast.site.branch;
    branch.wait_message(user, GENEROUS)?.is_from(&cast.alice.user)?;
    match branch.messages(user)?.len() {
        1 => Ok(()),
        count => Err(Error::new(format!("{count} messages for {user}, not one"))),
    }
}

fn public_network(cast: &mut Cast, story: &mut Story) -> Result {
    story
        .begin("1001 calls 2001, a user of another site; the main, over which that goes in Normal, is gone.");
    outside(cast, "2001", "+4930202001")?;
    story.step("Failover: 1001 reaches 2001 at the public number +4930202001");

    story.begin("1001 calls 112.");
    outside(cast, "112", "112")?;
    story.step("Failover: 112 goes out over the local trunk, with the site's number");
    Ok(())
}

fn outside(cast: &mut Cast, dialled: &str, arrives: &str) -> Result {
    let before = cast.carrier.taken().len();
    call(&mut cast.alice, dialled, CARRIER)?;
    cast.carrier_takes(before, arrives)?;
    hang_up(&mut cast.alice)
}

fn home_again(cast: &mut Cast, story: &mut Story) -> Result {
    story.say(
        "(A site waits until the main has been well for two minutes, [failover] return_hold; here it does not.)",
    );
    story.begin("The main comes back.");
    cast.site.main.start()?;
    cast.the_name_is(&cast.site.main)?;
    story.step("main back: DNS names the main");
    cast.phones_at_the_main()?;
    story.step("main back: phones 1001 and 1003 registered at the main");
    talk_again(&mut cast.alice, story)?;
    lamp::tell(cast, story, lamp::AFTER)?;
    cast.show(story, "synch show sites")?;
    cast.show(story, "synch show history")
}

fn talk_again(alice: &mut Phone, story: &mut Story) -> Result {
    story.begin("1001 calls 1003 once more.");
    call(alice, "1003", "1003")?;
    story.step("Normal again: 1001 calls 1003 over the main, and hears her");
    hang_up(alice)
}
