//! The way to a gateway that speaks TLS: whom the command line trusts, and the proxy that it goes through.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::person::{Person, Served, served, served_with, text};

/// A gateway with a certificate of its own making for `localhost`, and the certificate's file.
fn secured() -> (Served, String) {
    let home = tempfile::tempdir().expect("a directory");
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("made");
    let (cert, key) = (home.path().join("cert.pem"), home.path().join("key.pem"));
    fs::write(&cert, made.cert.pem()).expect("written");
    fs::write(&key, made.signing_key.serialize_pem()).expect("written");
    let flags = [format!("server.tls_cert={}", cert.display()), format!("server.tls_key={}", key.display())];
    let mut served = served_with(home, &["--set", &flags[0], "--set", &flags[1]]);
    served.url = served.url.replace("127.0.0.1", "localhost");
    (served, cert.display().to_string())
}

/// A proxy that counts the tunnels it was asked for, and its address.
fn proxy() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let counted = Arc::clone(&counted);
            std::thread::spawn(move || tunnel(client, &counted));
        }
    });
    (url, count)
}

fn tunnel(mut client: TcpStream, counted: &AtomicUsize) -> Option<()> {
    let mut reader = BufReader::new(client.try_clone().ok()?);
    let mut asked = String::new();
    reader.read_line(&mut asked).ok()?;
    let port = asked.strip_prefix("CONNECT localhost:")?.split(' ').next()?.to_owned();
    while reader.read_line(&mut asked).ok()? > 2 {}
    counted.fetch_add(1, Ordering::SeqCst);
    let mut server = TcpStream::connect(format!("127.0.0.1:{port}")).ok()?;
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok()?;
    let (mut back, mut forth) = (server.try_clone().ok()?, client.try_clone().ok()?);
    std::thread::spawn(move || io::copy(&mut back, &mut forth));
    io::copy(&mut client, &mut server).ok().map(drop)
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused_with_the_fix() {
    let (gateway, cert) = secured();
    let ada = Person::new();
    let (code, told) = ada.refuses(&["setup", &gateway.url]);
    assert_eq!(code, Some(4), "{told}");
    assert!(told.contains("SSL_CERT_FILE") && told.contains("NODE_EXTRA_CA_CERTS"), "{told}");

    let trusting =
        |arguments: &[&str]| ada.command(arguments).env("SSL_CERT_FILE", &cert).output().expect("it runs");
    let output = trusting(&["setup", &gateway.url]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let output = trusting(&["setup", &gateway.url.replace("localhost", "127.0.0.1")]);
    assert_eq!(output.status.code(), Some(4));
    assert!(text(&output.stderr).contains("another name"), "{}", text(&output.stderr));
    ada.refuses(&["setup", &gateway.url.replace("https", "http")]);
    let plain = served();
    let (code, told) = ada.refuses(&["setup", &plain.url.replace("http:", "https:")]);
    assert_eq!((code, told.contains("is it http://")), (Some(4), true), "{told}");
}

#[test]
fn the_machines_proxy_is_gone_through_and_left_out_where_it_is_to_be() {
    let (gateway, cert) = secured();
    let (proxy, count) = proxy();
    let ada = Person::new();
    let mut command = ada.command(&["setup", &gateway.url]);
    let output = command.env("SSL_CERT_FILE", &cert).env("HTTPS_PROXY", &proxy).output().expect("it runs");
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(count.load(Ordering::SeqCst), 1);

    let output = command.env("NO_PROXY", "localhost").output().expect("it runs");
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(count.load(Ordering::SeqCst), 1);

    let output =
        command.env_remove("NO_PROXY").env("HTTPS_PROXY", "http://127.0.0.1:9").output().expect("it runs");
    assert_eq!(output.status.code(), Some(4));
    assert!(text(&output.stderr).contains("HTTPS_PROXY"), "{}", text(&output.stderr));
}
