//! Writes change sets.

use super::IdempotencyKey;
use super::chain::ChangeSet;
use crate::store::{StoreError, Transaction, Value, places, values};

/// Writes change sets and moves the head behind the last; each with the key of the request that
/// it answers.
pub(super) async fn change_sets(
    transaction: &mut Transaction<'_>,
    sets: &[(&ChangeSet, Option<&IdempotencyKey>)],
) -> Result<(), StoreError> {
    for (set, key) in sets {
        change_set(transaction, set).await?;
        if let Some(key) = key {
            let sql = "INSERT INTO commit_key (principal, key, sequence, at_us) \
                       VALUES ($1, $2, $3, $4)";
            let principal = key.principal.as_str();
            let values = values![principal, key.key.as_str(), set.sequence.to_row(), set.at_us];
            transaction.execute(sql, &values).await?;
        }
    }
    let Some((last, _)) = sets.last() else {
        return Ok(());
    };
    let sql = "UPDATE journal_head SET sequence = $1, at_us = $2, hash = $3";
    let values = values![last.sequence.to_row(), last.at_us, last.hash.to_string()];
    transaction.execute(sql, &values).await?;
    Ok(())
}

async fn change_set(transaction: &mut Transaction<'_>, set: &ChangeSet) -> Result<(), StoreError> {
    let (user, token) = set.actor.columns();
    let sql = "INSERT INTO change_set (sequence, at_us, actor, app_user, token, why, hash) \
               VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let values = values![
        set.sequence.to_row(),
        set.at_us,
        set.actor.to_string(),
        user,
        token,
        set.why.clone(),
        set.hash.to_string(),
    ];
    transaction.execute(sql, &values).await?;
    let mut ordinals = 0_i64..;
    for changes in set.changes.chunks(ROWS_MAX) {
        let mut values: Vec<Value> = Vec::with_capacity(changes.len() * 6);
        for (change, ordinal) in changes.iter().zip(&mut ordinals) {
            values.extend(values![
                set.sequence.to_row(),
                ordinal,
                change.key.kind_str(),
                change.key.id(),
                change.before.clone(),
                change.after.clone(),
            ]);
        }
        let sql = format!(
            "INSERT INTO change (sequence, ordinal, kind, id, text_before, text_after) VALUES {}",
            places(changes.len(), 6)
        );
        transaction.execute(sql, &values).await?;
    }
    Ok(())
}

/// So many rows go into one statement: one round trip instead of many when a product is imported.
const ROWS_MAX: usize = 100;
