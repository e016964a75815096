//! What every sipp of the lab is started with.

use std::process::{Command, Stdio};

use super::device::Device;
use crate::conf::password;
use crate::error::Result;

/// The file that says who the users are, a line each.
pub const USERS: &str = "users.csv";

/// Writes [`USERS`]: the user as field0, what sipp makes its answer to a challenge of as field1.
pub fn write_users<'a>(device: &Device, users: impl IntoIterator<Item = &'a str>) -> Result {
    let line = |user| format!("{user};[authentication username={user} password={}]\n", password(user));
    let lines: String = users.into_iter().map(line).collect();
    device.write(USERS, &format!("SEQUENTIAL\n{lines}"))
}

/// A sipp on that device that plays a scenario of its folder for its users, over UDP from the port of a phone. It prints
/// nothing.
pub fn sipp(device: &Device, scenario: &str) -> Command {
    let mut command = device.host.command(&["sipp", "-nostdin", "-t", "u1", "-p", "5060", "-i"]);
    command.arg(device.host.address.to_string()).current_dir(&device.dir);
    command.args(["-sf", scenario, "-inf", USERS]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}
