use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;

use super::*;
use crate::sts::sign::signed;
use crate::sts::{Caller, error_code, identity};

const OURS: &str = "https://gateway.example.org";
const HOST_OF_STS: &str = "sts.eu-west-1.amazonaws.com";
const SECOND: i64 = 1_790_000_000;

fn now() -> Timestamp {
    Timestamp::from_second(SECOND).unwrap()
}

fn at(second: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(second.unsigned_abs())
}

fn request_for(server: &str, region: &str, host: &str, second: i64) -> SignedRequest {
    let credentials =
        Credentials::new("ASIAEXAMPLEEXAMPLE12", "secret", Some("token==".to_owned()), None, "test");
    signed(&credentials, server, region, host, at(second)).unwrap()
}

fn request() -> SignedRequest {
    request_for(OURS, "eu-west-1", HOST_OF_STS, SECOND - 2)
}

fn set(request: &mut SignedRequest, name: &str, value: &str) {
    request.headers.iter_mut().find(|(known, _)| known == name).unwrap().1 = value.to_owned();
}

fn add(request: &mut SignedRequest, name: &str, value: &str) {
    request.headers.push((name.to_owned(), value.to_owned()));
}

fn remove(request: &mut SignedRequest, name: &str) {
    request.headers.retain(|(known, _)| known != name);
}

/// Puts another text into the `Authorization` header.
fn authorization(request: &mut SignedRequest, from: &str, to: &str) {
    let old = request.header("authorization").unwrap().to_owned();
    let new = old.replace(from, to);
    assert_ne!(old, new, "{from}");
    set(request, "authorization", &new);
}

#[test]
fn a_call_that_was_signed_for_this_server_goes_on_as_it_is() {
    let request = request();
    let sent = SignedRequest::of_assertion(&request.to_assertion()).unwrap();
    assert_eq!(sent, request);
    let checked = sent.check(OURS, now()).unwrap();
    assert_eq!((checked.partition, checked.ends_at().as_second()), ("aws", SECOND - 2 + 300));
    let out = checked.to_request(None).unwrap();
    assert_eq!((out.method().as_str(), out.uri().to_string()), ("POST", format!("https://{HOST_OF_STS}/")));
    assert_eq!(out.body(), &Bytes::from_static(BODY.as_bytes()));
    let names: Vec<&str> = out.headers().keys().map(HeaderName::as_str).collect();
    assert_eq!(
        names,
        ["host", "content-type", SERVER, "x-amz-date", "x-amz-security-token", "authorization"]
    );
    // A proxy or an endpoint of the operator's own gets the very same request.
    let out = checked.to_request(Some("http://127.0.0.1:9/")).unwrap();
    assert_eq!(
        (out.uri().to_string(), &out.headers()["host"]),
        ("http://127.0.0.1:9/".to_owned(), &HeaderValue::from_static(HOST_OF_STS))
    );
}

#[test]
fn what_other_signers_add_is_taken_and_what_they_did_not_sign_stays_here() {
    let mut request = request();
    add(&mut request, "User-Agent", "Boto3/1.44.5");
    add(&mut request, "Content-Length", "43");
    let checked = request.check(OURS, now()).unwrap();
    let out = checked.to_request(None).unwrap();
    assert!(!out.headers().contains_key("user-agent") && !out.headers().contains_key("content-length"));
}

#[test]
fn only_hosts_of_sts_are_asked_and_only_those_of_the_signed_region() {
    for (region, host, partition) in [
        ("us-east-1", "sts.amazonaws.com", Some("aws")),
        ("us-east-1", "sts.us-east-1.amazonaws.com", Some("aws")),
        ("us-west-2", "sts-fips.us-west-2.amazonaws.com", Some("aws")),
        ("eu-central-1", "sts.eu-central-1.api.aws", Some("aws")),
        ("us-gov-west-1", "sts.us-gov-west-1.amazonaws.com", Some("aws-us-gov")),
        ("cn-north-1", "sts.cn-north-1.amazonaws.com.cn", Some("aws-cn")),
        ("eusc-de-east-1", "sts.eusc-de-east-1.amazonaws.eu", Some("aws-eusc")),
        ("eu-west-1", "sts.amazonaws.com", None),
        ("eu-west-1", "sts.eu-west-2.amazonaws.com", None),
        ("eu-west-1", "sts.eu-west-1.amazonaws.com.evil.example", None),
        ("eu-west-1", "evil.amazonaws.com", None),
        ("eu-west-1", "sts.eu-west-1.s3.amazonaws.com", None),
        ("eu-west-1", "evil.execute-api.eu-west-1.amazonaws.com", None),
        ("eu-west-1", "iam.amazonaws.com", None),
        ("eu-west-1", "STS.eu-west-1.amazonaws.com", None),
        ("eu-west-1", "sts.eu-west-1.amazonaws.com.", None),
        ("eu-west-1", "sts.eu-west-1.amazonaws.com:443", None),
        ("eu-west-1", "user@sts.eu-west-1.amazonaws.com", None),
        ("eu-west-1", "169.254.169.254", None),
        ("cn-north-1", "sts.cn-north-1.amazonaws.com", None),
        ("evil.example", "sts.evil.example.amazonaws.com", None),
        ("x-y-1.evil.example", "sts.x-y-1.evil.example.amazonaws.com", None),
    ] {
        let request = request_for(OURS, region, host, SECOND);
        let found = request.check(OURS, now()).map(|checked| checked.partition).ok();
        assert_eq!(found, partition, "{host} in {region}");
    }
}

type Attack = (&'static str, fn(&mut SignedRequest), Unfit);

fn other_server() -> Unfit {
    Unfit::OtherServer(OURS.to_owned())
}

#[test]
fn attacks_on_what_is_asked() {
    let attacks: [Attack; 14] = [
        ("another method", |r| r.method = "GET".to_owned(), Unfit::Method),
        ("a method in lower case", |r| r.method = "post".to_owned(), Unfit::Method),
        ("another host", |r| r.url = "https://evil.example/".to_owned(), Unfit::Host),
        ("no TLS", |r| r.url = format!("http://{HOST_OF_STS}/"), Unfit::Host),
        ("a name before the host", |r| r.url = format!("https://evil@{HOST_OF_STS}/"), Unfit::Host),
        ("a backslash in the host", |r| r.url = format!("https://{HOST_OF_STS}\\evil.example/"), Unfit::Host),
        ("another path", |r| r.url = format!("https://{HOST_OF_STS}/evil"), Unfit::Path),
        ("a path of slashes", |r| r.url = format!("https://{HOST_OF_STS}//"), Unfit::Path),
        ("a query", |r| r.url = format!("https://{HOST_OF_STS}/?Action=AssumeRole"), Unfit::Query),
        ("a fragment", |r| r.url = format!("https://{HOST_OF_STS}/#x"), Unfit::Query),
        ("another action", |r| r.body = r.body.replace("GetCallerIdentity", "GetSessionToken"), Unfit::Body),
        ("two actions", |r| r.body.push_str("&Action=AssumeRole"), Unfit::Body),
        ("more parameters", |r| r.body.push_str("&RoleArn=x"), Unfit::Body),
        ("the same action, written otherwise", |r| r.body = r.body.replace('G', "%47"), Unfit::Body),
    ];
    check(&attacks);
}

#[test]
fn attacks_on_the_servers_name() {
    let attacks: [Attack; 7] = [
        ("no name", |r| remove(r, SERVER), Unfit::Signature),
        (
            "another server's name, signed",
            |r| *r = request_for("https://evil.example", "eu-west-1", HOST_OF_STS, SECOND),
            other_server(),
        ),
        ("another name put in its place", |r| set(r, SERVER, "https://evil.example"), other_server()),
        (
            "our name, but longer",
            |r| set(r, SERVER, "https://gateway.example.org.evil.example"),
            other_server(),
        ),
        ("our name without its scheme", |r| set(r, SERVER, "gateway.example.org"), other_server()),
        (
            "our name put beside another's",
            |r| add(r, "X-Stonegate-Server", OURS),
            Unfit::Header("one is there twice"),
        ),
        ("our name, not signed", |r| authorization(r, ";x-stonegate-server", ""), Unfit::Unnamed),
    ];
    check(&attacks);
    // No name at all, as any other call of the person's would be signed.
    let mut bare = request();
    remove(&mut bare, SERVER);
    authorization(&mut bare, ";x-stonegate-server", "");
    assert_eq!(bare.check(OURS, now()).unwrap_err(), Unfit::Unnamed);
}

#[test]
fn attacks_by_headers() {
    let strange = || Unfit::Header("there is one that this call does not have");
    let twice = || Unfit::Header("one is there twice");
    let odd = || Unfit::Header("one has a value that is empty, too long, or not plain text");
    let attacks: [Attack; 17] = [
        ("Host twice", |r| add(r, "Host", "evil.example"), twice()),
        ("Host of another server", |r| set(r, "host", "evil.example"), Unfit::Host),
        ("Authorization twice", |r| add(r, "AUTHORIZATION", "AWS4-HMAC-SHA256 x"), twice()),
        ("a date twice", |r| add(r, "X-Amz-Date", "20260101T000000Z"), twice()),
        ("another date", |r| add(r, "Date", "Thu, 01 Jan 2026 00:00:00 GMT"), strange()),
        ("transfer-encoding", |r| add(r, "Transfer-Encoding", "chunked"), strange()),
        (
            "another length",
            |r| add(r, "Content-Length", "0"),
            Unfit::Header("content-length is another body's"),
        ),
        ("a target", |r| add(r, "X-Amz-Target", "AWSSecurityTokenService.AssumeRole"), strange()),
        ("another host for proxies", |r| add(r, "X-Forwarded-Host", "evil.example"), strange()),
        ("a connection", |r| add(r, "Connection", "x-amz-date"), strange()),
        ("JSON, please", |r| add(r, "Accept", "application/json"), strange()),
        ("a name with a line break", |r| add(r, "user-agent\r\nHost", "evil.example"), strange()),
        ("a value with a line break", |r| add(r, "user-agent", "x\r\nHost: evil.example"), odd()),
        ("a value with a line feed", |r| set(r, "x-amz-security-token", "x\nx: y"), odd()),
        ("a value with a zero", |r| set(r, "x-amz-security-token", "x\0"), odd()),
        ("a value of another alphabet", |r| set(r, "x-amz-security-token", "ä"), odd()),
        ("an endless value", |r| set(r, "x-amz-security-token", &"x".repeat(9_000)), odd()),
    ];
    check(&attacks);
    let mut other_kind = request();
    set(&mut other_kind, "content-type", "application/x-amz-json-1.1");
    assert!(matches!(other_kind.check(OURS, now()), Err(Unfit::Header(_))));
}

#[test]
fn attacks_on_the_signature() {
    let attacks: [Attack; 13] = [
        ("none", |r| remove(r, "authorization"), Unfit::Signature),
        ("a bearer", |r| set(r, "authorization", "Bearer x"), Unfit::Signature),
        ("another service's", |r| authorization(r, "/sts/", "/bedrock/"), Unfit::Signature),
        ("another region's", |r| authorization(r, "/eu-west-1/", "/us-west-2/"), Unfit::Host),
        ("another day's", |r| authorization(r, "/20260921/", "/20260922/"), Unfit::Signature),
        ("in capitals, to look new", |r| authorization(r, "Signature=", "Signature=A"), Unfit::Signature),
        ("longer, to look new", |r| authorization(r, "Signature=", "Signature=0"), Unfit::Signature),
        ("with more behind it", |r| authorization(r, "Signature=", "X=y, Signature="), Unfit::Signature),
        ("host not signed", |r| authorization(r, ";host;", ";"), Unfit::Signature),
        ("date not signed", |r| authorization(r, "x-amz-date;", ""), Unfit::Signature),
        (
            "token not signed",
            |r| authorization(r, ";x-amz-security-token", ";x-amz-security-tokem"),
            Unfit::Signature,
        ),
        ("a name signed twice", |r| authorization(r, ";host;", ";host;host;"), Unfit::Signature),
        ("a name that is not there", |r| authorization(r, ";host;", ";host;unknown;"), Unfit::Signature),
    ];
    check(&attacks);
}

#[test]
fn a_signature_is_of_now() {
    for (second, expected) in [
        (SECOND - 300, None),
        (SECOND - 301, Some(Unfit::Old)),
        (SECOND - 86_400, Some(Unfit::Old)),
        (SECOND + 60, None),
        (SECOND + 61, Some(Unfit::Early)),
        (SECOND + 86_400, Some(Unfit::Early)),
    ] {
        let request = request_for(OURS, "eu-west-1", HOST_OF_STS, second);
        assert_eq!(request.check(OURS, now()).err(), expected, "{second}");
    }
    for date in ["20260921T1413:0Z", "20260921 141320Z", "+0260921T14132Z", "20261321T141320Z", "now"] {
        let mut request = request();
        set(&mut request, "x-amz-date", date);
        assert_eq!(request.check(OURS, now()), Err(Unfit::Signature), "{date}");
    }
}

#[test]
fn what_is_no_request_is_none() {
    for text in ["", "x", "bnVsbA", "e30", "eyJtZXRob2QiOiJQT1NUIn0", "ÄÖ", "W10="] {
        assert_eq!(SignedRequest::of_assertion(text), None, "{text}");
    }
    let more = BASE64URL
        .encode(br#"{"method":"POST","url":"","headers":[],"body":"","stand_in":"http://evil.example"}"#);
    assert_eq!(SignedRequest::of_assertion(&more), None);
}

use data_encoding::BASE64URL_NOPAD as BASE64URL;

fn check(attacks: &[Attack]) {
    for (name, change, expected) in attacks {
        let mut request = request();
        assert!(request.check(OURS, now()).is_ok());
        change(&mut request);
        assert_eq!(request.check(OURS, now()).as_ref(), Err(expected), "{name}");
    }
}

fn answer(arn: &str, account: &str, id: &str) -> String {
    format!(
        r#"<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <GetCallerIdentityResult><Arn>{arn}</Arn><UserId>{id}</UserId><Account>{account}</Account></GetCallerIdentityResult>
  <ResponseMetadata><RequestId>01234567-89ab-cdef-0123-456789abcdef</RequestId></ResponseMetadata>
</GetCallerIdentityResponse>"#
    )
}

const ACCOUNT: &str = "123456789012";

#[test]
fn an_answer_tells_who_somebody_is() {
    let role =
        |name: &str, session: &str| Caller::Role { name: name.to_owned(), session: session.to_owned() };
    for (resource, expected) in [
        ("sts::123456789012:assumed-role/Developer/ann", role("Developer", "ann")),
        (
            "sts::123456789012:assumed-role/aws:ec2-instance/i-0123456789abcdef0",
            role("aws:ec2-instance", "i-0123456789abcdef0"),
        ),
        (
            "iam::123456789012:user/teams/ml/ann",
            Caller::User { name: "ann".to_owned(), id: "AIDAX".to_owned() },
        ),
        ("iam::123456789012:root", Caller::Root),
        ("sts::123456789012:federated-user/ann", Caller::Federated { name: "ann".to_owned() }),
    ] {
        let found =
            identity(answer(&format!("arn:aws:{resource}"), ACCOUNT, "AIDAX").as_bytes(), "aws").unwrap();
        assert_eq!((&*found.account, &*found.partition, found.caller), (ACCOUNT, "aws", expected));
    }
}

#[test]
fn only_a_whole_answer_of_the_asked_partition_counts() {
    let arn = "arn:aws:sts::123456789012:assumed-role/Developer/ann";
    let good = answer(arn, ACCOUNT, "AROAX:ann");
    assert!(identity(good.as_bytes(), "aws").is_ok());
    for (name, body) in [
        ("nothing", String::new()),
        ("HTML", "<!DOCTYPE html><html><body>Sign in to the network</body></html>".to_owned()),
        ("JSON", r#"{"GetCallerIdentityResponse":{}}"#.to_owned()),
        ("another answer", good.replace("GetCallerIdentityResponse", "AssumeRoleResponse")),
        ("an answer in an answer", format!("<X>{good}</X>")),
        ("cut off", good[..good.len() / 2].to_owned()),
        ("another account", answer(arn, "210987654321", "AROAX:ann")),
        ("no account", answer("arn:aws:sts:::assumed-role/Developer/ann", "", "AROAX:ann")),
        ("two results", good.replace("<ResponseMetadata>", "<GetCallerIdentityResult><Arn>a</Arn><UserId>b</UserId><Account>c</Account></GetCallerIdentityResult><ResponseMetadata>")),
        ("two ARNs", good.replace("<Arn>", &format!("<Arn>{arn}</Arn><Arn>"))),
        ("no ARN", answer("", ACCOUNT, "AROAX:ann")),
        ("no role", answer("arn:aws:sts::123456789012:assumed-role/ann", ACCOUNT, "AROAX:ann")),
        ("a session with a slash", answer(&format!("{arn}/x"), ACCOUNT, "AROAX:ann")),
        ("a session with a line break", answer(&format!("{arn}\nx"), ACCOUNT, "AROAX:ann")),
        ("another service", answer("arn:aws:s3::123456789012:assumed-role/Developer/ann", ACCOUNT, "x")),
        ("another partition", answer(&arn.replace("arn:aws:", "arn:aws-cn:"), ACCOUNT, "AROAX:ann")),
    ] {
        assert!(identity(body.as_bytes(), "aws").is_err(), "{name}");
    }
    assert!(identity(b"\xff\xfe", "aws").is_err());
}

#[test]
fn a_refusals_code_is_read() {
    let body = "<ErrorResponse><Error><Type>Sender</Type><Code>ExpiredToken</Code><Message>x</Message></Error></ErrorResponse>";
    assert_eq!(error_code(body.as_bytes()).as_deref(), Some("ExpiredToken"));
    let body = format!(
        "<Response><Errors>{}</Errors></Response>",
        &body["<ErrorResponse>".len()..body.len() - "</ErrorResponse>".len()]
    );
    assert_eq!(error_code(body.as_bytes()).as_deref(), Some("ExpiredToken"));
    for body in ["", "<html/>", "<ErrorResponse><Error><Code>a b</Code></Error></ErrorResponse>"] {
        assert_eq!(error_code(body.as_bytes()), None);
    }
}

#[test]
fn permission_sets_and_machines_are_known_by_their_names() {
    for (role, session, set, is_instance) in [
        ("AWSReservedSSO_Developer_0123456789abcdef", "ann@example.org", Some("Developer"), false),
        ("AWSReservedSSO_ML_Ops-2_0123456789abcdef", "ann", Some("ML_Ops-2"), false),
        ("AWSReservedSSO_Developer_0123456789ABCDEF", "ann", None, false),
        ("AWSReservedSSO_Developer", "ann", None, false),
        ("AWSReservedSSO__0123456789abcdef", "ann", None, false),
        ("MyAWSReservedSSO_Developer_0123456789abcdef", "ann", None, false),
        ("App", "i-0123456789abcdef0", None, true),
        ("App", "i-01234567", None, true),
        ("App", "mi-0123456789abcdef0", None, true),
        ("App", "i-am-ann", None, false),
        ("aws:ec2-instance", "anything", None, true),
    ] {
        let caller = Caller::Role { name: role.to_owned(), session: session.to_owned() };
        assert_eq!((caller.permission_set(), caller.is_instance()), (set, is_instance), "{role} {session}");
    }
}
