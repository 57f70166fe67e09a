//! People who sign in with AWS credentials; STS is a small one of the test's own.

use std::sync::Mutex;

use axum::extract::{ConnectInfo, State};
use axum::response::IntoResponse as _;
use axum::response::Response;
use jiff::tz::TimeZone;
use stonegate_bedrock::sts::{SERVER, SignedRequest};

use super::*;
use crate::config::Config;
use crate::signin::aws::AWS_IDENTITY;

const GATEWAY: &str = "https://gateway.example.org";
const ANN: &str =
    "arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Developer_0123456789abcdef/ann@example.org";

/// STS as it answers next, and what it was asked.
#[derive(Clone)]
struct Sts {
    url: String,
    script: Arc<Mutex<Script>>,
}

struct Script {
    answer: Answer,
    asked: Vec<String>,
}

#[derive(Clone)]
enum Answer {
    Is(String),
    Says(u16, String),
    LeadsTo(String),
}

impl Sts {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let script = Script { answer: Answer::Is(ANN.to_owned()), asked: Vec::new() };
        let sts = Self { url, script: Arc::new(Mutex::new(script)) };
        let router = Router::new().fallback(Self::answer).with_state(sts.clone());
        let serving = tokio_util::task::TaskTracker::new();
        serving.spawn(async move { axum::serve(listener, router).await.unwrap() });
        sts
    }

    fn answer(State(sts): State<Self>, request: axum::extract::Request) -> std::future::Ready<Response> {
        let mut script = sts.script.lock().unwrap();
        let headers: Vec<String> = request
            .headers()
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        script.asked.push(format!("{} {}\n{}", request.method(), request.uri(), headers.join("\n")));
        std::future::ready(match script.answer.clone() {
            Answer::Is(arn) => {
                let account = arn.split(':').nth(4).unwrap_or_default();
                let text = format!(
                    "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
                     <Arn>{arn}</Arn><UserId>AROAEXAMPLE</UserId><Account>{account}</Account></GetCallerIdentityResult>\
                     </GetCallerIdentityResponse>"
                );
                text.into_response()
            }
            Answer::Says(status, text) => (StatusCode::from_u16(status).unwrap(), text).into_response(),
            Answer::LeadsTo(place) => (StatusCode::TEMPORARY_REDIRECT, [("location", place)]).into_response(),
        })
    }

    fn says(&self, answer: Answer) {
        self.script.lock().unwrap().answer = answer;
    }

    fn is(&self, arn: &str) {
        self.says(Answer::Is(arn.to_owned()));
    }

    fn asked(&self) -> usize {
        self.script.lock().unwrap().asked.len()
    }

    async fn house(&self) -> House {
        let config = Config::from_toml(&format!(
            r#"
            [server]
            public_url = "{GATEWAY}/"
            [signin]
            sts_endpoint_url = "{}"
            [[signin.aws_accounts]]
            account = "123456789012"
            rules = [
                {{ permission_set = "Gateway-Admin*", role = "admin" }},
                {{ permission_set = "Developer", allow_models = ["claude-*"] }},
                {{ aws_role = "Build-*" }},
                {{ aws_user = "ci-*" }},
            ]
            [[signin.aws_accounts]]
            account = "222222222222"
            allow_instances = true
            rules = [{{ aws_role = "App*" }}, {{ root = true, role = "team_lead" }}]
            [[signin.aws_accounts]]
            account = "333333333333"
            partition = "aws-us-gov"
            rules = [{{ aws_role = "*", tenant = "elsewhere" }}]
            "#,
            self.url
        ))
        .unwrap();
        House::with(|settings| *settings = Settings::of(&config)).await
    }
}

/// A call that was signed just now; by whom only STS could tell.
fn signed(signature: u32) -> SignedRequest {
    let date = TimeZone::UTC.to_datetime(now()).strftime("%Y%m%dT%H%M%SZ").to_string();
    let host = "sts.eu-west-1.amazonaws.com";
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential=ASIAEXAMPLEEXAMPLE12/{}/eu-west-1/sts/aws4_request, \
         SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-stonegate-server, Signature={signature:064x}",
        &date[..8]
    );
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    SignedRequest {
        method: "POST".to_owned(),
        url: format!("https://{host}/"),
        headers: vec![
            header("Host", host),
            header("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"),
            header("X-Amz-Date", &date),
            header("X-Amz-Security-Token", "token=="),
            header(SERVER, GATEWAY),
            header("User-Agent", "Boto3/1.44.5"),
            header("Authorization", &authorization),
        ],
        body: "Action=GetCallerIdentity&Version=2011-06-15".to_owned(),
    }
}

async fn vouch(house: &House, request: &SignedRequest) -> Reply {
    let assertion = request.to_assertion();
    let pairs =
        [("grant_type", AWS_IDENTITY), ("assertion", &assertion), ("scope", "messages:send keys:manage")];
    house.form("/oauth/token", &pairs).await
}

#[tokio::test]
async fn a_person_of_identity_center_signs_in() {
    let sts = Sts::start().await;
    let house = sts.house().await;
    let tokens = vouch(&house, &signed(1)).await;
    assert_eq!(
        (tokens.status, tokens.member("email")),
        (StatusCode::OK, "ann@example.org".to_owned()),
        "{tokens:?}"
    );
    let who = house.whoami(&tokens.member("access_token")).await;
    assert_eq!(
        (who.member("user_name"), who.member("role"), who.member("key_kind")),
        ("ann@example.org".to_owned(), "user".to_owned(), "session".to_owned())
    );
    let audit = house.audit().await;
    let subject = format!("user:{}", who.member("user"));
    assert!(audit.contains(&("signin.aws".to_owned(), subject)), "{audit:?}");
    // It arrived as it was signed; what was not signed stayed here.
    let asked = sts.script.lock().unwrap().asked.join("\n");
    let expected = "POST /\nhost: sts.eu-west-1.amazonaws.com\ncontent-type: application/x-www-form-urlencoded; charset=utf-8\n\
                    x-amz-date: 20260921T141320Z\nx-amz-security-token: token==\nx-stonegate-server: https://gateway.example.org\n\
                    authorization: AWS4-HMAC-SHA256 Credential=ASIAEXAMPLEEXAMPLE12/20260921/eu-west-1/sts/aws4_request, \
                    SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-stonegate-server, Signature=\
                    0000000000000000000000000000000000000000000000000000000000000001\ncontent-length: 43";
    assert_eq!(asked, expected);
    // The session goes on like any other, but AWS is asked again after half a day.
    pass(3_500);
    let again = [("grant_type", "refresh_token"), ("refresh_token", &*tokens.member("refresh_token"))];
    let refreshed = house.form("/oauth/token", &again).await;
    assert_eq!(refreshed.status, StatusCode::OK, "{refreshed:?}");
    pass(12 * 3_600 - 3_500);
    let over = [("grant_type", "refresh_token"), ("refresh_token", &*refreshed.member("refresh_token"))];
    assert_eq!(house.form("/oauth/token", &over).await.error().0, 401);
}

#[tokio::test]
async fn each_becomes_what_the_accounts_rules_say() {
    let sts = Sts::start().await;
    let house = sts.house().await;
    for (number, (arn, expected)) in (10..).zip([
        (
            "arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Gateway-Admins_0123456789abcdef/root",
            Ok("admin"),
        ),
        ("arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Developer_0123456789abcdef/bob", Ok("user")),
        ("arn:aws:sts::123456789012:assumed-role/Build-Linux/job-7", Ok("user")),
        ("arn:aws:iam::123456789012:user/robots/ci-deploy", Ok("user")),
        ("arn:aws:iam::222222222222:root", Ok("team_lead")),
        ("arn:aws:sts::222222222222:assumed-role/App1/i-0123456789abcdef0", Ok("user")),
        // A role that somebody called like a permission set is not one, nor the other way round.
        ("arn:aws:sts::123456789012:assumed-role/Gateway-Admins/root", Err("may not use")),
        (
            "arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Build-Linux_0123456789abcdef/bob",
            Err("may not use"),
        ),
        ("arn:aws:sts::123456789012:assumed-role/Xbuild-Linux/bob", Err("may not use")),
        ("arn:aws:iam::123456789012:user/bob", Err("may not use")),
        ("arn:aws:iam::123456789012:root", Err("may not use")),
        ("arn:aws:sts::123456789012:federated-user/ci-deploy", Err("may not use")),
        (
            "arn:aws:sts::123456789012:assumed-role/Build-Linux/i-0123456789abcdef0",
            Err("machines do not sign in"),
        ),
        (
            "arn:aws:sts::444444444444:assumed-role/AWSReservedSSO_Developer_0123456789abcdef/bob",
            Err("not trusted"),
        ),
        // The account that is trusted is in another partition.
        ("arn:aws:sts::333333333333:assumed-role/Any/bob", Err("not trusted")),
    ]) {
        sts.is(arn);
        let reply = vouch(&house, &signed(number)).await;
        match expected {
            Ok(role) => {
                let who = house.whoami(&reply.member("access_token")).await;
                assert_eq!(who.member("role"), role, "{arn}");
            }
            Err(part) => {
                assert_eq!(reply.error(), (400, "invalid_grant".to_owned()), "{arn}");
                let told = reply.member("error_description");
                assert!(
                    told.contains(part) && !told.contains("arn:") && !told.contains("4444"),
                    "{arn}: {told}"
                );
            }
        }
    }
    let refusals = house.audit().await.into_iter().filter(|(action, _)| action == "signin.refuse");
    assert_eq!(refusals.count(), 9);
}

#[tokio::test]
async fn one_person_is_one_user_and_a_chosen_session_name_makes_nobody_another() {
    let sts = Sts::start().await;
    let house = sts.house().await;
    let mut users = Vec::new();
    for (number, arn) in (30..).zip([
        "arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Developer_0123456789abcdef/ann@example.org",
        "arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Gateway-Admin_fedcba9876543210/ann@example.org",
        "arn:aws:sts::123456789012:assumed-role/Build-Linux/ann@example.org",
        "arn:aws:sts::123456789012:assumed-role/Build-Mac/ann@example.org",
        "arn:aws:sts::222222222222:assumed-role/App/ann@example.org",
    ]) {
        sts.is(arn);
        let who = house.whoami(&vouch(&house, &signed(number)).await.member("access_token")).await.json();
        users.push((who["user"].clone(), who["role"].clone(), who["email"].clone()));
    }
    assert_eq!(users[0].0, users[1].0, "with another permission set");
    assert_eq!((&users[0].1, &users[1].1), (&json!("user"), &json!("admin")));
    let others: std::collections::BTreeSet<String> =
        users[1..].iter().map(|user| user.0.to_string()).collect();
    assert_eq!(others.len(), 4, "{users:?}");
    assert!(
        users[2..].iter().all(|user| user.2.is_null()),
        "an address is Identity Center's to give: {users:?}"
    );
}

#[tokio::test]
async fn a_signature_is_taken_once_however_it_is_dressed() {
    let sts = Sts::start().await;
    let house = sts.house().await;
    let first = signed(1);
    assert_eq!(vouch(&house, &first).await.status, StatusCode::OK);
    let turned = |change: fn(&mut SignedRequest)| {
        let mut request = first.clone();
        change(&mut request);
        request
    };
    for (name, again) in [
        ("as it was", first.clone()),
        ("with its headers the other way round", turned(|r| r.headers.reverse())),
        ("with another header that is not signed", turned(|r| r.headers[5].1 = "curl".to_owned())),
        ("without its slash", turned(|r| r.url = r.url.trim_end_matches('/').to_owned())),
        ("written closer", turned(|r| r.headers[6].1 = r.headers[6].1.replace(", ", ","))),
    ] {
        let refused = vouch(&house, &again).await;
        assert_eq!(refused.error(), (400, "invalid_grant".to_owned()), "{name}");
        assert!(refused.member("error_description").contains("used already"), "{name}: {refused:?}");
    }
    // Of many at the same moment, one gets in.
    let request = signed(2);
    let together = futures_util::future::join_all((0..8).map(|_| vouch(&house, &request))).await;
    assert_eq!(together.iter().filter(|reply| reply.status == StatusCode::OK).count(), 1);
    // After its five minutes it is too old, and AWS is not asked.
    pass(301);
    let asked = sts.asked();
    assert!(vouch(&house, &first).await.member("error_description").contains("more than five minutes"));
    assert_eq!(sts.asked(), asked);
}

#[tokio::test]
async fn what_is_not_the_one_call_never_reaches_aws() {
    let sts = Sts::start().await;
    let house = sts.house().await;
    type Attack = (&'static str, fn(&mut SignedRequest));
    let attacks: [Attack; 10] = [
        ("another host", |r| r.url = "https://evil.example/".to_owned()),
        ("a host that ends like AWS's", |r| {
            r.url = "https://evil.s3.amazonaws.com/".to_owned();
            r.headers[0].1 = "evil.s3.amazonaws.com".to_owned();
        }),
        ("another path", |r| r.url.push('x')),
        ("a query", |r| r.url.push_str("?Action=AssumeRole")),
        ("another action", |r| r.body = r.body.replace("GetCallerIdentity", "GetSessionToken")),
        ("another server's", |r| r.headers[4].1 = "https://evil.example".to_owned()),
        ("no server's", |r| drop(r.headers.remove(4))),
        ("Host twice", |r| r.headers.push(("host".to_owned(), "evil.example".to_owned()))),
        ("a line break", |r| r.headers[5].1 = "x\r\nHost: evil.example".to_owned()),
        ("chunks", |r| r.headers.push(("Transfer-Encoding".to_owned(), "chunked".to_owned()))),
    ];
    for (name, change) in attacks {
        let mut request = signed(1);
        change(&mut request);
        let refused = vouch(&house, &request).await;
        assert_eq!(refused.error(), (400, "invalid_grant".to_owned()), "{name}: {refused:?}");
    }
    for assertion in ["x", "e30", "bnVsbA"] {
        let pairs = [("grant_type", AWS_IDENTITY), ("assertion", assertion)];
        assert_eq!(house.form("/oauth/token", &pairs).await.error().1, "invalid_grant");
    }
    let nothing = house.form("/oauth/token", &[("grant_type", AWS_IDENTITY)]).await;
    assert_eq!(nothing.error(), (400, "invalid_request".to_owned()));
    assert_eq!(sts.asked(), 0);
}

#[tokio::test]
async fn only_sts_own_word_counts() {
    let sts = Sts::start().await;
    let house = sts.house().await;
    let error = |code: &str| format!("<ErrorResponse><Error><Code>{code}</Code></Error></ErrorResponse>");
    let huge = format!("<GetCallerIdentityResponse>{}</GetCallerIdentityResponse>", " ".repeat(200_000));
    let elsewhere = format!("{}/elsewhere", sts.url);
    for (name, answer, expected) in [
        ("expired", Answer::Says(403, error("ExpiredToken")), 400),
        ("forged", Answer::Says(403, error("SignatureDoesNotMatch")), 400),
        ("an unknown key", Answer::Says(403, error("InvalidClientTokenId")), 400),
        ("too many calls", Answer::Says(400, error("Throttling")), 503),
        ("a fault", Answer::Says(500, error("InternalFailure")), 503),
        ("a refusal without words", Answer::Says(403, "<html>blocked by the proxy</html>".to_owned()), 503),
        ("a page", Answer::Says(200, "<html>sign in to the network</html>".to_owned()), 503),
        ("nothing", Answer::Says(200, String::new()), 503),
        ("too much", Answer::Says(200, huge), 503),
        ("an error that is well", Answer::Says(200, error("ExpiredToken")), 503),
        ("another place", Answer::LeadsTo(elsewhere), 503),
    ] {
        sts.says(answer);
        let asked = sts.asked();
        let refused = vouch(&house, &signed(1)).await;
        let word = if expected == 400 { "invalid_grant" } else { "temporarily_unavailable" };
        assert_eq!(refused.error(), (expected, word.to_owned()), "{name}: {refused:?}");
        assert_eq!(sts.asked(), asked + 1, "{name}: nobody is asked twice, nor elsewhere");
    }
    // None of that has used the signature up.
    sts.is(ANN);
    assert_eq!(vouch(&house, &signed(1)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn without_a_network_to_aws_one_is_told_to_try_again() {
    let sts = Sts { url: "http://127.0.0.1:9".to_owned(), ..Sts::start().await };
    let house = sts.house().await;
    let away = vouch(&house, &signed(1)).await;
    assert_eq!(away.error(), (503, "temporarily_unavailable".to_owned()));
    assert!(!away.text.contains("127.0.0.1"), "{away:?}");
}

#[tokio::test]
async fn a_gateway_that_trusts_no_account_says_so() {
    let (house, sts) = (House::open().await, Sts::start().await);
    assert_eq!(vouch(&house, &signed(1)).await.error(), (400, "unsupported_grant_type".to_owned()));
    let trusting = sts.house().await;
    for (house, is_there) in [(&house, false), (&trusting, true)] {
        let known = house.get("/.well-known/stonegate").await.json();
        assert_eq!(known["sign_in"]["aws"], json!(is_there));
        let grants = house.get("/.well-known/oauth-authorization-server").await.json();
        let grants = grants["grant_types_supported"].as_array().unwrap().clone();
        assert_eq!(grants.contains(&json!(AWS_IDENTITY)), is_there);
    }
}

#[tokio::test]
async fn a_gateway_that_does_not_know_its_address_takes_nobodys_word_for_it() {
    let sts = Sts::start().await;
    let config = Config::from_toml(&format!(
        "[signin]\nsts_endpoint_url = \"{}\"\n[[signin.aws_accounts]]\naccount = \"123456789012\"\n\
         rules = [{{ permission_set = \"*\" }}]\n",
        sts.url
    ));
    let house = House::with(|settings| *settings = Settings::of(&config.unwrap())).await;
    let mut request = signed(1);
    request.headers[4].1 = format!("http://{HOST}");
    let assertion = encoded(&[("grant_type", AWS_IDENTITY), ("assertion", &request.to_assertion())]);
    for (peer, expected) in [("192.0.2.1", 503), ("127.0.0.1", 200)] {
        let other_end = ConnectInfo(std::net::SocketAddr::new(peer.parse().unwrap(), 9));
        let sent = Request::post("/oauth/token").header("host", HOST).extension(other_end);
        assert_eq!(house.send(sent, assertion.clone()).await.status.as_u16(), expected, "{peer}");
    }
}

#[test]
fn accounts_are_checked_when_they_are_read() {
    let rules = "rules = [{ aws_role = \"*\" }]";
    for (wrong, text) in [
        ("", format!("account = \"123456789012\"\n{rules}")),
        ("a number", format!("account = 123456789012\n{rules}")),
        ("too short", format!("account = \"12345\"\n{rules}")),
        ("no rules", "account = \"123456789012\"".to_owned()),
        ("a slip", format!("account = \"123456789012\"\nalow_instances = true\n{rules}")),
        ("a rule for nobody", "account = \"123456789012\"\nrules = [{ role = \"admin\" }]".to_owned()),
        (
            "a rule for two",
            "account = \"123456789012\"\nrules = [{ aws_role = \"x\", aws_user = \"y\" }]".to_owned(),
        ),
        (
            "no such role",
            "account = \"123456789012\"\nrules = [{ aws_role = \"x\", role = \"king\" }]".to_owned(),
        ),
        (
            "twice",
            format!(
                "account = \"123456789012\"\n{rules}\n[[signin.aws_accounts]]\naccount = \"123456789012\"\n{rules}"
            ),
        ),
    ] {
        let read = Config::from_toml(&format!("[[signin.aws_accounts]]\n{text}\n"));
        assert_eq!(read.is_ok(), wrong.is_empty(), "{wrong}");
    }
}
