//! The promises of [`Tickets`].

use jiff::Timestamp;

use super::world::{at, ok};
use crate::ticket::{Ticket, TicketKind, Tickets, Version};

/// Makes a test of every promise; `$fresh` is an async function that gives a keeper without tickets and what keeps it alive,
/// or `None` where there is no server to test against.
#[macro_export]
macro_rules! tickets_conformance {
    ($fresh:path) => {
        $crate::tickets_conformance!(@each $fresh:
            a_ticket_is_put_once_until_it_ends,
            a_ticket_is_replaced_by_whoever_saw_its_newest_form,
            a_ticket_is_taken_once,
            what_has_ended_is_swept,
            a_ticket_without_an_end_stays_until_it_is_taken
        );
    };
    (@each $fresh:path: $($case:ident),*) => {
        $(
            #[tokio::test]
            async fn $case() {
                let Some((tickets, _alive)) = $fresh().await else { return };
                $crate::conformance::tickets::$case(&*tickets).await;
            }
        )*
    };
}

fn ticket(name: &str, body: &str, ends: i64) -> Ticket {
    Ticket { kind: TicketKind::Device, name: name.to_owned(), body: body.to_owned(), expires_at: at(ends) }
}

async fn found(tickets: &dyn Tickets, name: &str, second: i64) -> Option<(String, Version)> {
    let found = ok(tickets.find(TicketKind::Device, name, at(second)).await);
    found.map(|(ticket, version)| (ticket.body, version))
}

/// Names are the kind's own; one that has ended makes room.
pub async fn a_ticket_is_put_once_until_it_ends(tickets: &dyn Tickets) {
    assert!(ok(tickets.put(ticket("a", "one \"ü\"", 10), at(0)).await));
    assert!(!ok(tickets.put(ticket("a", "two", 20), at(9)).await));
    assert!(ok(tickets.put(Ticket { kind: TicketKind::Refresh, ..ticket("a", "x", 10) }, at(0)).await));
    let (body, _) = found(tickets, "a", 9).await.expect("it is there");
    assert_eq!(body, "one \"ü\"");
    assert_eq!(found(tickets, "a", 10).await, None);
    assert!(ok(tickets.put(ticket("a", "two", 20), at(10)).await));
    assert_eq!(found(tickets, "a", 10).await.map(|(body, _)| body).as_deref(), Some("two"));
}

/// The second of two who saw the same form has to look again.
pub async fn a_ticket_is_replaced_by_whoever_saw_its_newest_form(tickets: &dyn Tickets) {
    ok(tickets.put(ticket("a", "one", 10), at(0)).await);
    let (_, seen) = found(tickets, "a", 1).await.expect("it is there");
    assert!(ok(tickets.replace(seen, ticket("a", "two", 20)).await));
    assert!(!ok(tickets.replace(seen, ticket("a", "three", 20)).await));
    let (body, newer) = found(tickets, "a", 15).await.expect("it ends later now");
    assert_eq!(body, "two");
    assert!(ok(tickets.replace(newer, ticket("a", "three", 20)).await));
    assert!(!ok(tickets.replace(newer, ticket("b", "of another name", 20)).await));
}

/// And is gone then; what has ended is not given.
pub async fn a_ticket_is_taken_once(tickets: &dyn Tickets) {
    ok(tickets.put(ticket("a", "one", 10), at(0)).await);
    ok(tickets.put(ticket("b", "late", 10), at(0)).await);
    let taken = ok(tickets.take(TicketKind::Device, "a", at(1)).await);
    assert_eq!(taken, Some(ticket("a", "one", 10)));
    assert_eq!(ok(tickets.take(TicketKind::Device, "a", at(1)).await), None);
    assert_eq!(ok(tickets.take(TicketKind::Device, "b", at(10)).await), None);
}

/// So many at a time as it is told.
pub async fn what_has_ended_is_swept(tickets: &dyn Tickets) {
    for (name, ends) in [("a", 10), ("b", 11), ("c", 12), ("d", 30)] {
        ok(tickets.put(ticket(name, "x", ends), at(0)).await);
    }
    assert_eq!(ok(tickets.sweep(at(5), 100).await), 0);
    assert_eq!(ok(tickets.sweep(at(20), 2).await), 2);
    assert_eq!(ok(tickets.sweep(at(20), 2).await), 1);
    assert!(found(tickets, "d", 20).await.is_some());
}

/// However late it is, and whoever sweeps.
pub async fn a_ticket_without_an_end_stays_until_it_is_taken(tickets: &dyn Tickets) {
    let (kind, end) = (TicketKind::SecondFactor, Timestamp::MAX);
    let factor = |body: &str, expires_at| Ticket { kind, expires_at, ..ticket("a", body, 0) };
    assert!(ok(tickets.put(factor("waits", at(10)), at(0)).await));
    let (_, seen) = ok(tickets.find(kind, "a", at(1)).await).expect("it is there");
    assert!(ok(tickets.replace(seen, factor("counts", end)).await));
    let late = at(100_000_000_000);
    assert_eq!(ok(tickets.sweep(late, 100).await), 0);
    let kept = ok(tickets.find(kind, "a", late).await).map(|(ticket, _)| ticket.body);
    assert_eq!(kept.as_deref(), Some("counts"));
    assert!(ok(tickets.take(kind, "a", late).await).is_some());
    assert_eq!(ok(tickets.find(kind, "a", at(1)).await), None);
}
