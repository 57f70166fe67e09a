//! The hot path: reading and carrying a request, and re-framing a stream.
fn main() {
    divan::main();
}
