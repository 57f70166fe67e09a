//! The order to stop: Ctrl-C or SIGTERM. The second one ends the program at once.

use std::future::Future;
use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The exit code of a program that was told to stop twice: 128 and the number of SIGINT.
const TOLD_TWICE: i32 = 130;

/// Listens from now on; resolves at the first order.
///
/// The second one kills in the middle of things, and may: what a client has seen the end of is in the journal.
pub(crate) fn stop_order() -> io::Result<impl Future<Output = ()> + Send> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        next(&mut interrupt, &mut terminate).await;
        tokio_util::task::TaskTracker::new().spawn(async move {
            next(&mut interrupt, &mut terminate).await;
            std::process::exit(TOLD_TWICE);
        });
    })
}

async fn next(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
