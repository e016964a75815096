//! What a sync would make of the users, without making it: asked before the phones go back from a maintenance.

use super::{Users, names, read_users, users_to_keep, versions::in_place};
use crate::{
    engine::work::sync::{common::Common, failure::Failure, maintenance::NotYet, reading::Reading},
    maintenance::{Losing, Refusal},
    site::{
        shrink::Names,
        users::{SyncError, Tailored, users_in},
    },
    words::conf::ConfSection,
};

impl Users {
    /// Reads who the main has now. Nothing is written.
    pub(in crate::engine::work::sync) fn plan_only(
        &mut self,
        reading: &mut Reading,
        common: &mut Common<'_>,
    ) -> Result<(), NotYet> {
        let answers = read_users(reading, common)?;
        let store = common.store().map_err(Failure::from)?;
        let in_place = in_place(&store, common)?;
        let synced = match self.compose(reading, &answers, in_place.as_deref(), common) {
            // It was read whole, and has none of them.
            Err(Failure::Answer(SyncError::Select(_))) => {
                let names = users_to_keep(&Names::new(), common);
                let of = names.len();
                return Err(Refusal::Loses(Losing { names, of }).into());
            }
            synced => synced?,
        };
        let meant: Vec<ConfSection> = synced.sections.iter().map(Tailored::meaning).collect();
        let new = names(&users_in(&meant, common.syncing.settings.technology));
        let old = users_to_keep(&new, common);
        let lost = synced.left_out.iter().filter(|user| old.contains(&user.name));
        let lost: Vec<String> = lost.map(|user| format!("{} ({})", user.name, user.reason)).collect();
        if !lost.is_empty() {
            return Err(Refusal::LeavesOut(lost).into());
        }
        match Losing::too_much(&old, &new, common.syncing.settings.max_shrink) {
            Some(losing) => Err(Refusal::Loses(losing).into()),
            None => Ok(()),
        }
    }

    /// Whether the channel driver has users of this site.
    ///
    /// # Errors
    /// It has none, or does not answer.
    pub(in crate::engine::work::sync) fn are_live(&self, common: &Common<'_>) -> Result<(), Failure> {
        if self.listed.is_empty() || self.missing(common)?.len() == self.listed.len() {
            let (output, conf) = (common.syncing.settings.output.clone(), common.driver().conf);
            return Err(Failure::NobodyLive { output, conf });
        }
        Ok(())
    }
}
