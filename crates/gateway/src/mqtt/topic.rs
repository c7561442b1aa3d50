//! Topics, filters, and who may use them.
//!
//! | topic | who publishes | what it is |
//! |---|---|---|
//! | `t/{device}/{stream}` | the device, or its gateway | readings |
//! | `c/{device}/…` | systems | commands for the device, which subscribes to them |
//! | `a/{device}/…` | the device, or its gateway | its answers, to which systems subscribe |
//! | `application/{id}/device/{devEui}/event/{kind}` | systems | events of ChirpStack |
//!
//! A stream in a topic may have several levels: `t/CT-1/motion/gps` is the stream `motion_gps`.
//! Other topics are for systems only.

use super::session::serial_of;
use crate::front::{Peer, Registry};

/// What a topic is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose<'t> {
    Readings { device: &'t str, stream: &'t str },
    ChirpStack,
    Message,
}

pub(super) fn purpose(topic: &str) -> Purpose<'_> {
    if let Some((device, stream)) = topic.strip_prefix("t/").and_then(|it| it.split_once('/'))
        && !device.is_empty()
        && !stream.is_empty()
    {
        return Purpose::Readings { device, stream };
    }
    match crate::Format::of_topic(topic) {
        Some(_) => Purpose::ChirpStack,
        None => Purpose::Message,
    }
}

/// Whether a peer may publish there.
pub(super) fn may_publish(peer: &Peer, registry: &dyn Registry, topic: &str) -> bool {
    let Peer::Device(own) = peer else { return !topic.starts_with('$') };
    let rest = topic.strip_prefix("t/").or_else(|| topic.strip_prefix("a/"));
    let device = rest.and_then(|it| it.split_once('/')).map(|it| it.0);
    device.is_some_and(|device| speaks_for(own, registry, device))
}

/// Whether a peer may have what a filter matches.
pub(super) fn may_subscribe(peer: &Peer, registry: &dyn Registry, filter: &str) -> bool {
    let Peer::Device(own) = peer else { return !filter.starts_with('$') };
    commanded(filter).is_some_and(|device| speaks_for(own, registry, device))
}

/// Whether a session may have what comes on a topic now. A gateway that has subscribed to the
/// commands for a child may have lost the child since.
pub(super) fn may_have(session: &str, registry: &dyn Registry, topic: &str) -> bool {
    let Some(own) = serial_of(session) else { return true };
    // `c/GW-1/#` matches `c/GW-1` too (section 4.7.1.2).
    let device = commanded(topic).or_else(|| topic.strip_prefix("c/"));
    device.is_some_and(|device| speaks_for(own, registry, device))
}

/// The device for which commands on a topic are.
fn commanded(topic: &str) -> Option<&str> {
    topic.strip_prefix("c/")?.split_once('/').map(|it| it.0)
}

fn speaks_for(own: &str, registry: &dyn Registry, device: &str) -> bool {
    device == own
        || (registry.device(own).is_some_and(|it| it.is_gateway) && registry.is_child(own, device))
}

/// A filter, and the group that shares it.
pub(super) fn group_and_filter(filter: &str) -> Option<(Option<&str>, &str)> {
    let (group, filter) = match filter.strip_prefix("$share/") {
        Some(shared) => {
            let (group, filter) = shared.split_once('/')?;
            if group.is_empty() || group.contains(['+', '#']) {
                return None;
            }
            (Some(group), filter)
        }
        None if filter.starts_with("$share") => return None,
        None => (None, filter),
    };
    is_filter(filter).then_some((group, filter))
}

/// Whether wildcards stand alone in their levels, and `#` at the end.
fn is_filter(filter: &str) -> bool {
    let levels = filter.split('/').count();
    let is_sound = |(place, level): (usize, &str)| match level {
        "#" => place + 1 == levels,
        "+" => true,
        level => !level.contains(['+', '#']),
    };
    !filter.is_empty() && filter.split('/').enumerate().all(is_sound)
}

/// Whether a filter matches a topic name (sections 4.7.1 and 4.7.2).
pub(super) fn matches(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let mut filter = filter.split('/');
    let mut topic = topic.split('/');
    loop {
        match (filter.next(), topic.next()) {
            (Some("#"), _) | (None, None) => return true,
            (Some("+"), Some(_)) => (),
            (Some(level), Some(name)) if level == name => (),
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Purpose, group_and_filter, matches, may_have, may_publish, may_subscribe, purpose,
    };
    use crate::front::Peer;
    use crate::front::tests::Three;

    #[test]
    fn filters_match_as_the_standard_says() {
        let cases = [
            ("sport/tennis/player1/#", "sport/tennis/player1", true),
            ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true),
            ("sport/#", "sport", true),
            ("#", "/finance", true),
            ("sport/tennis/+", "sport/tennis/player1", true),
            ("sport/tennis/+", "sport/tennis/player1/ranking", false),
            ("sport/+", "sport", false),
            ("sport/+", "sport/", true),
            ("+/+", "/finance", true),
            ("/+", "/finance", true),
            ("+", "/finance", false),
            ("#", "$SYS/x", false),
            ("+/monitor", "$SYS/monitor", false),
            ("$SYS/#", "$SYS/x", true),
            ("a/b", "a/B", false),
        ];
        for (filter, topic, expected) in cases {
            assert_eq!(matches(filter, topic), expected, "{filter} {topic}");
        }
    }

    #[test]
    fn a_filter_that_is_none_is_told() {
        let cases = [
            ("a/+/b", Some((None, "a/+/b"))),
            ("a/#", Some((None, "a/#"))),
            ("$share/g/a/+", Some((Some("g"), "a/+"))),
            ("", None),
            ("a/#/b", None),
            ("a+", None),
            ("a/b#", None),
            ("$share/g", None),
            ("$share//a", None),
            ("$share/+/a", None),
            ("$share/g/", None),
        ];
        for (filter, expected) in cases {
            assert_eq!(group_and_filter(filter), expected, "{filter}");
        }
    }

    #[test]
    fn a_device_has_its_own_topics_and_a_gateway_those_of_its_children() {
        let device = Peer::Device("CT-1".into());
        let gateway = Peer::Device("GW-1".into());
        for (peer, topic, expected) in [
            (&device, "t/CT-1/climate", true),
            (&device, "a/CT-1/reboot", true),
            (&device, "t/CT-2/climate", false),
            (&device, "c/CT-1/reboot", false),
            (&device, "news", false),
            (&gateway, "t/GW-1/health", true),
            (&gateway, "t/GW-1.child/climate", true),
            (&gateway, "a/GW-1.child/reboot", true),
            (&gateway, "t/CT-1/climate", false),
            (&device, "t/GW-1.child/climate", false),
            (&Peer::System, "c/CT-1/reboot", true),
            (&Peer::System, "$SYS/x", false),
        ] {
            assert_eq!(may_publish(peer, &Three::default(), topic), expected, "{peer:?} {topic}");
        }
        for (filter, expected) in [
            ("c/CT-1/#", true),
            ("c/CT-1/reboot", true),
            ("c/+/#", false),
            ("#", false),
            ("c/CT-2/#", false),
            ("c/GW-1.child/#", false),
        ] {
            assert_eq!(may_subscribe(&device, &Three::default(), filter), expected, "{filter}");
        }
        for (filter, expected) in [("c/GW-1.child/#", true), ("c/CT-1/#", false), ("c/#", false)] {
            assert_eq!(may_subscribe(&gateway, &Three::default(), filter), expected, "{filter}");
        }
        for (topic, expected) in [
            ("c/GW-1/reboot", true),
            ("c/GW-1", true),
            ("c/GW-1.child", true),
            ("c/CT-1", false),
            ("c/CT-1/reboot", false),
            ("c/", false),
            ("c", false),
            ("news", false),
        ] {
            let session = "d/GW-1\u{1f}any";
            assert_eq!(may_have(session, &Three::default(), topic), expected, "{topic}");
        }
    }

    #[test]
    fn a_topic_tells_what_it_is_for() {
        let readings = Purpose::Readings { device: "CT-1", stream: "motion/gps" };
        assert_eq!(purpose("t/CT-1/motion/gps"), readings);
        assert_eq!(purpose("application/a/device/d/event/up"), Purpose::ChirpStack);
        assert_eq!(purpose("t/CT-1"), Purpose::Message);
        assert_eq!(purpose("c/CT-1/reboot"), Purpose::Message);
    }
}
