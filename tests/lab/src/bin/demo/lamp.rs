//! The lamp of a colleague at another site, which has its own Asterisk and tells the branch of its phones over a broker.

use lab::Result;
use lab::wait::GENEROUS;

use crate::cast::{BEA, Cast};
use crate::story::Story;

/// What the steps of one scene are called: ringing, talking, done.
pub type Steps = [&'static str; 3];

/// Before the outage, in it, and after it.
pub const BEFORE: Steps = [
    "Normal: the lamp of 3001, who is at bonn, flashes",
    "Normal: it is lit while she talks",
    "Normal: it goes out",
];
pub const IN_IT: Steps = [
    "Failover: the lamp of 3001 at bonn flashes",
    "Failover: it is lit while she talks",
    "Failover: it goes out",
];
pub const AFTER: Steps = [
    "Normal again: the lamp of 3001 at bonn flashes",
    "Normal again: it is lit while she talks",
    "Normal again: it goes out",
];

/// Somebody at bonn calls her. What a phone's key at the branch shows is what the hint says.
pub fn tell(cast: &mut Cast, story: &mut Story, [flashes, is_lit, goes_out]: Steps) -> Result {
    story.begin("At bonn, somebody calls 3001; her phone rings.");
    let branch = &cast.site.branch;
    cast.bonn.rx(&format!("channel originate PJSIP/{BEA} application Wait 60"))?;
    cast.bea.wait_rings(GENEROUS)?;
    branch.wait_hint(BEA, "Ringing")?;
    story.step(flashes);
    story.begin("She answers.");
    cast.bea.answer()?;
    branch.wait_hint(BEA, "InUse")?;
    story.step(is_lit);
    story.begin("She hangs up.");
    cast.bea.hang_up()?;
    branch.wait_hint(BEA, "Idle")?;
    story.step(goes_out);
    Ok(())
}
