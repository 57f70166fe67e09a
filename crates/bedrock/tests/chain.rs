//! What AWS's own variables and files make of an endpoint, and which credentials each source of AWS's chain gives: every
//! case in a process of its own, with nothing but its variables, against servers on this machine.

#![expect(clippy::disallowed_methods, reason = "the sources of credentials go by this machine's own clock")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use stonegate_bedrock::{Access, Endpoint, EndpointSettings};
use tempfile::TempDir;

/// What the child is asked for: its answers, a line each.
#[tokio::test]
#[ignore = "run by the others, in a process with variables of its own"]
async fn child() {
    let settings =
        EndpointSettings { mantle_signing_name: "bedrock".to_owned(), ..EndpointSettings::default() };
    let endpoint = match Endpoint::from_settings(&settings).await {
        Ok(endpoint) => endpoint,
        Err(error) => return println!("= {error}"),
    };
    if std::env::var_os("ASK_CREDENTIALS").is_none() {
        return println!("= {}", endpoint.runtime.base);
    }
    if let Access::Signed(cache) = &endpoint.access {
        for _ in 0..2 {
            match cache.credentials(SystemTime::now()).await {
                Ok(credentials) => println!(
                    "= {} {}",
                    credentials.access_key_id(),
                    credentials.session_token().unwrap_or("no token")
                ),
                Err(error) => println!("= {error}"),
            }
        }
    }
}

/// Runs the child with these variables and no others; gives its answers.
fn run(variables: &[(&str, &str)]) -> Vec<String> {
    let this = std::env::current_exe().expect("a path");
    let output = Command::new(this)
        .args(["--exact", "child", "--ignored", "--nocapture"])
        .env_clear()
        .envs(variables.iter().copied())
        .output()
        .expect("a process");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    text.lines().filter_map(|line| Some(line.split_once("= ")?.1.to_owned())).collect()
}

/// A home with this `~/.aws/config`, and no region or instance but what that says.
fn with_config(config: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let home = home(config);
    run(&[&at(home.path())[..], variables].concat())
}

fn home(config: &str) -> TempDir {
    let home = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(home.path().join(".aws")).expect("a folder");
    std::fs::write(home.path().join(".aws/config"), config).expect("a file");
    home
}

fn at(home: &Path) -> [(&str, &str); 2] {
    [("HOME", home.to_str().expect("text")), ("AWS_EC2_METADATA_DISABLED", "true")]
}

#[test]
fn the_host_follows_awss_variables_and_profile() {
    const PROFILES: &str = "[default]\nregion = eu-central-1\n\
        [profile fips]\nregion = us-gov-west-1\nuse_fips_endpoint = true\nuse_dualstack_endpoint = true\n\
        [profile own]\nregion = us-east-1\nendpoint_url = http://127.0.0.1:1\nservices = here\n\
        [profile any]\nregion = us-east-1\nendpoint_url = http://127.0.0.1:1\n\
        [services here]\nbedrock_runtime =\n  endpoint_url = http://127.0.0.1:2\n";
    for (variables, host) in [
        (&[][..], "https://bedrock-runtime.eu-central-1.amazonaws.com"),
        (&[("AWS_REGION", "us-east-2")], "https://bedrock-runtime.us-east-2.amazonaws.com"),
        (&[("AWS_USE_FIPS_ENDPOINT", "true")], "https://bedrock-runtime-fips.eu-central-1.amazonaws.com"),
        (&[("AWS_USE_DUALSTACK_ENDPOINT", "true")], "https://bedrock-runtime.eu-central-1.api.aws"),
        (
            &[("AWS_USE_FIPS_ENDPOINT", "true"), ("AWS_USE_DUALSTACK_ENDPOINT", "true")],
            "https://bedrock-runtime-fips.eu-central-1.api.aws",
        ),
        (&[("AWS_USE_FIPS_ENDPOINT", "false")], "https://bedrock-runtime.eu-central-1.amazonaws.com"),
        (&[("AWS_PROFILE", "fips")], "https://bedrock-runtime-fips.us-gov-west-1.api.aws"),
        (
            &[("AWS_PROFILE", "fips"), ("AWS_USE_FIPS_ENDPOINT", "false")],
            "https://bedrock-runtime.us-gov-west-1.api.aws",
        ),
        // The service's own entry comes before the general one, a variable before a profile.
        (&[("AWS_PROFILE", "any")], "http://127.0.0.1:1"),
        (&[("AWS_PROFILE", "own")], "http://127.0.0.1:2"),
        (&[("AWS_PROFILE", "any"), ("AWS_ENDPOINT_URL", "http://127.0.0.1:3")], "http://127.0.0.1:3"),
        (
            &[
                ("AWS_PROFILE", "own"),
                ("AWS_ENDPOINT_URL", "http://127.0.0.1:3"),
                ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "http://127.0.0.1:4"),
            ],
            "http://127.0.0.1:4",
        ),
        (
            &[("AWS_PROFILE", "own"), ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")],
            "https://bedrock-runtime.us-east-1.amazonaws.com",
        ),
    ] {
        assert_eq!(with_config(PROFILES, variables), [host], "{variables:?}");
    }
    let [error] = &with_config("", &[])[..] else { panic!("one answer") };
    assert!(error.contains("no AWS region"), "{error}");
}

/// A server of one service: gives the answers to requests by method and path, and counts those that it knew.
struct Fake {
    url: String,
    known: Arc<AtomicUsize>,
}

impl Fake {
    fn start(answer: impl Fn(&str, usize) -> Option<String> + Send + 'static) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let known = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&known);
        // It ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                let Some(head) = read_request(&stream) else { continue };
                let body = answer(&head, counted.load(Ordering::SeqCst));
                let status = if body.is_some() { "200 OK" } else { "404 Not Found" };
                counted.fetch_add(usize::from(body.is_some()), Ordering::SeqCst);
                let body = body.unwrap_or_default();
                let extra = "x-aws-ec2-metadata-token-ttl-seconds: 600\r\nconnection: close\r\n";
                let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{extra}\r\n", body.len());
                // A client that is gone needs no answer.
                let _gone = stream.write_all(format!("{head}{body}").as_bytes());
            }
        });
        Fake { url, known }
    }
}

/// The request's head and body as one text.
fn read_request(stream: &std::net::TcpStream) -> Option<String> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let lower = head.to_ascii_lowercase();
    let length = lower.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some(head + &String::from_utf8_lossy(&body))
}

/// That many seconds from now.
fn expiry(seconds: u64) -> String {
    let moment = SystemTime::now() + Duration::from_secs(seconds);
    let moment = Timestamp::try_from(moment).expect("a moment");
    moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Credentials as containers and instances give them.
fn json(key: usize, lasting: u64) -> String {
    format!(
        r#"{{"Code":"Success","Type":"AWS-HMAC","LastUpdated":"{}","AccessKeyId":"AKID{key}","SecretAccessKey":"secret","Token":"token{key}","Expiration":"{}"}}"#,
        expiry(0),
        expiry(lasting)
    )
}

fn credentials(variables: &[(&str, &str)]) -> Vec<String> {
    let home = tempfile::tempdir().expect("a folder");
    let common = [
        ("HOME", home.path().to_str().expect("text")),
        ("AWS_REGION", "us-east-1"),
        ("ASK_CREDENTIALS", "1"),
    ];
    run(&[&common[..], variables].concat())
}

#[test]
fn a_containers_credentials_are_asked_for_again_before_they_expire() {
    let container = |lasting| {
        Fake::start(move |request, known| {
            let is_right = request.starts_with("GET /creds ")
                && request.to_ascii_lowercase().contains("authorization: let me in");
            is_right.then(|| json(known, lasting))
        })
    };
    for (lasting, keys, asked) in [
        (3_600, ["AKID0 token0", "AKID0 token0"], 1),
        // A minute is too little for a call to leave with.
        (60, ["AKID0 token0", "AKID1 token1"], 2),
    ] {
        let fake = container(lasting);
        let found = credentials(&[
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &format!("{}/creds", fake.url)),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "let me in"),
        ]);
        assert_eq!(found, keys);
        assert_eq!(fake.known.load(Ordering::SeqCst), asked);
    }
}

#[test]
fn an_instances_role_gives_credentials() {
    let fake = Fake::start(|request, _| {
        let path = request.split(' ').nth(1).unwrap_or_default();
        let role = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        match (request.split(' ').next()?, role) {
            ("PUT", "token") => Some("session".to_owned()),
            ("GET", "security-credentials" | "security-credentials-extended") => Some("worker".to_owned()),
            ("GET", "worker") => Some(json(7, 3_600)),
            _ => None,
        }
    });
    let found = credentials(&[("AWS_EC2_METADATA_SERVICE_ENDPOINT", &fake.url)]);
    assert_eq!(found, ["AKID7 token7"; 2]);
}

#[test]
fn a_web_identity_gives_credentials() {
    let home = tempfile::tempdir().expect("a folder");
    let token = home.path().join("token");
    std::fs::write(&token, "from-the-cluster").expect("a file");
    let fake = Fake::start(|request, _| {
        let is_right = request.contains("Action=AssumeRoleWithWebIdentity")
            && request.contains("WebIdentityToken=from-the-cluster");
        let ends = expiry(3_600);
        is_right.then(|| {
            format!(
                "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
                 <AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>AKIDWEB</AccessKeyId>\
                 <SecretAccessKey>secret</SecretAccessKey><SessionToken>web</SessionToken>\
                 <Expiration>{ends}</Expiration></Credentials></AssumeRoleWithWebIdentityResult>\
                 </AssumeRoleWithWebIdentityResponse>"
            )
        })
    });
    let found = credentials(&[
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token.to_str().expect("text")),
        ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/worker"),
        ("AWS_ENDPOINT_URL_STS", &fake.url),
    ]);
    assert_eq!(found, ["AKIDWEB web"; 2]);
}

#[test]
fn without_any_source_the_reason_is_told() {
    let found = credentials(&[("AWS_EC2_METADATA_DISABLED", "true")]);
    assert!(found.len() == 2 && found[0].starts_with("no usable AWS credentials: "), "{found:?}");
}

#[test]
fn keys_in_variables_come_first() {
    let found = credentials(&[("AWS_ACCESS_KEY_ID", "AKIDENV"), ("AWS_SECRET_ACCESS_KEY", "secret")]);
    assert_eq!(found, ["AKIDENV no token"; 2]);
}
