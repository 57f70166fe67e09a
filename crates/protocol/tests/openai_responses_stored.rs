//! Responses that are kept: read, paged through, and gone on from.

#![expect(clippy::unwrap_used, reason = "what a test cannot go on without may stop it")]

use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};
use stonegate_protocol::conversation::{BlockStart, Delta, Event, Role, StopReason};
use stonegate_protocol::openai_responses::{self, ItemsQuery, Stored};
use stonegate_protocol::{Answering, Inbound, Usage};

fn parsed(body: &Value) -> openai_responses::Inbound {
    openai_responses::parse(Bytes::from(body.to_string())).unwrap()
}

/// Answers `body` with a thought and a word, and gives what is kept of it.
fn kept(inbound: &openai_responses::Inbound, call: &str) -> Option<Stored> {
    let answering = Answering { call: call.to_owned(), ..Answering::default() };
    let (_, mut writer) = inbound.translate(&answering).unwrap();
    let mut out = BytesMut::new();
    for event in [
        Event::BlockStart { index: 0, block: BlockStart::Thinking },
        Event::Delta { index: 0, delta: Delta::Signature("Er==".to_owned()) },
        Event::BlockStop { index: 0 },
        Event::BlockStart { index: 1, block: BlockStart::Text },
        Event::Delta { index: 1, delta: Delta::Text("Hello.".to_owned()) },
        Event::BlockStop { index: 1 },
        Event::Stop { reason: StopReason::EndTurn, sequence: None, explanation: None },
    ] {
        writer.write(event, &mut out);
    }
    let mut last = BytesMut::new();
    writer.finish(&Usage::default(), None, &mut last);
    Stored::of(inbound, &last)
}

#[test]
fn a_conversation_goes_on_from_what_was_kept() {
    for stream in [false, true] {
        let first =
            parsed(&json!({"model": "m", "input": "Hi", "instructions": "Gone later.", "stream": stream}));
        let stored = kept(&first, "req_1").unwrap();
        assert_eq!(stored.id().unwrap(), "resp_1");
        let stored = Stored::from_bytes(&stored.to_bytes()).unwrap();
        let second = parsed(&json!({"model": "m", "previous_response_id": "resp_1", "stream": stream,
            "input": [{"type": "item_reference", "id": "msg_1_1"}, {"role": "user", "content": "Again"}]}));
        assert_eq!(second.previous_response_id().unwrap(), "resp_1");
        assert_eq!(second.translate(&Answering::default()).unwrap_err().member, "input.0");
        let whole = second.with_history(&stored).unwrap();
        let (request, _) = whole.translate(&Answering::default()).unwrap();
        let roles: Vec<Role> = request.messages.iter().map(|message| message.role).collect();
        assert_eq!(roles, [Role::User, Role::Assistant, Role::User]);
        assert_eq!((request.system.len(), request.messages[1].content.len()), (0, 2));
        // Three turns and more: the next record holds them all.
        let third = kept(&whole, "req_2").unwrap();
        let next = parsed(&json!({"model": "m", "previous_response_id": "resp_2", "input": "More"}));
        let (request, _) = next.with_history(&third).unwrap().translate(&Answering::default()).unwrap();
        assert_eq!(request.messages.len(), 5);
    }
}

#[test]
fn nothing_is_kept_that_the_client_does_not_want_kept() {
    assert!(kept(&parsed(&json!({"model": "m", "input": "Hi", "store": false})), "req_1").is_none());
    let inbound = parsed(&json!({"model": "m", "input": "Hi"}));
    for last in ["", "event: response.failed\ndata: {\"type\":\"response.failed\",\"response\":{}}\n\n", "{"]
    {
        assert!(Stored::of(&inbound, last.as_bytes()).is_none(), "{last}");
    }
    let stored = kept(&inbound, "req_1").unwrap();
    let unknown = json!({"model": "m", "input": [{"type": "item_reference", "id": "msg_other"}]});
    assert_eq!(parsed(&unknown).with_history(&stored).unwrap_err().pointer, "/input/0/id");
}

#[test]
fn what_went_in_is_paged_through() {
    let items: Vec<Value> =
        (0..5).map(|number| json!({"role": "user", "content": format!("{number}")})).collect();
    let stored = kept(&parsed(&json!({"model": "m", "input": items})), "req_1").unwrap();
    let page = |after: Option<&str>, limit, order: &str| -> Value {
        let query = ItemsQuery { after: after.map(str::to_owned), limit, order: Some(order.to_owned()) };
        serde_json::from_str(&stored.input_items(&query).unwrap()).unwrap()
    };
    let first = page(None, Some(2), "asc");
    assert_eq!((&first["first_id"], &first["has_more"]), (&json!("msg_1_in0"), &json!(true)));
    let rest = page(first["last_id"].as_str(), None, "asc");
    assert_eq!((rest["data"].as_array().unwrap().len(), &rest["has_more"]), (3, &json!(false)));
    assert_eq!(page(None, None, "desc")["data"][0]["content"], "4");
    for (query, pointer) in [
        (ItemsQuery { limit: Some(0), ..ItemsQuery::default() }, "/limit"),
        (ItemsQuery { order: Some("up".to_owned()), ..ItemsQuery::default() }, "/order"),
        (ItemsQuery { after: Some("x".to_owned()), ..ItemsQuery::default() }, "/after"),
    ] {
        assert_eq!(stored.input_items(&query).unwrap_err().pointer, pointer);
    }
}
