//! Where the main knows a phone: a list of res_pjsip, one answer of chan_sip.

use super::*;

/// The items of a list, behind its answer.
fn list(request: &Request, items: &[&str]) -> String {
    items.iter().map(|item| format!("{item}\r\nActionID: {}\r\n\r\n", request.id())).collect()
}

#[test]
fn a_list_is_all_between_its_answer_and_its_end() {
    let (address, main) = main_that(1, |mut request| {
        if !request.is("PJSIPShowEndpoint") {
            request.serve("");
            return true;
        }
        request.answer("Success", "EventList: start\r\n");
        let uri = "Event: ContactStatusDetail\r\nURI: sip:a@10.0.0.1";
        let others = "Event: ContactStatusDetail\r\nURI: of another list\r\n\r\n";
        let items = list(&request, &[uri, uri, "Event: X\r\nEventList: Complete"]);
        let text = format!("{others}{items}Event: Reload\r\n\r\n");
        request.stream.write_all(text.as_bytes()).unwrap();
        true
    });
    let mut link = probe(address);
    for _ in 0..2 {
        let items = link.show_endpoint("1001", ample()).unwrap().unwrap();
        assert_eq!(items.len(), 2);
        assert!(items.iter().all(|item| item.get("URI") == Some(b"sip:a@10.0.0.1")));
    }
    link.ping(ample()).unwrap();
    drop(link);
    main.join().unwrap();
}

#[test]
fn a_user_whom_the_main_does_not_have_has_no_phone_there_and_the_connection_stays() {
    let (address, main) = main_that(1, |mut request| {
        match (request.is("PJSIPShowEndpoint"), request.is("SIPshowpeer")) {
            (true, _) => request.answer("Error", "Message: Unable to retrieve endpoint 1009\r\n"),
            (_, true) => request.answer("Error", "Message: Peer 1009 not found.\r\n"),
            _ => request.serve(""),
        }
        true
    });
    let mut link = probe(address);
    assert_eq!(link.show_endpoint("1009", ample()).unwrap(), None);
    assert_eq!(link.show_peer("1009", ample()).unwrap(), None);
    drop(link);
    main.join().unwrap();
}

#[test]
fn an_account_that_may_not_ask_is_told_so() {
    let (address, main) = main_that(1, |mut request| {
        let asks = request.is("PJSIPShowEndpoint");
        if asks {
            request.answer("Error", "Message: Permission denied\r\n");
        } else {
            request.serve("");
        }
        !asks
    });
    let refusal = refusal(probe(address).show_endpoint("1001", ample()));
    assert!(refusal.to_string().contains("PJSIPShowEndpoint refused: Permission denied"), "{refusal}");
    main.join().unwrap();
}

#[test]
fn values_of_the_database_come_in_the_order_of_the_questions() {
    let (address, main) = main_that(1, |mut request| {
        if !request.is("DBGet") {
            request.serve("");
            return true;
        }
        if !request.lines.iter().any(|line| line == "Key: 1001") {
            request.answer("Error", "Message: Database entry not found\r\n");
            return true;
        }
        request.answer("Success", "EventList: start\r\nMessage: Result will follow\r\n");
        let value = "Event: DBGetResponse\r\nFamily: CF\r\nKey: 1001\r\nVal: 1002";
        let text = list(&request, &[value, "Event: DBGetComplete\r\nEventList: Complete"]);
        // What others do meanwhile.
        let text = format!("Event: Reload\r\nModule: res_pjsip\r\n\r\n{text}");
        request.stream.write_all(text.as_bytes()).unwrap();
        true
    });
    let mut link = probe(address);
    let values = link.database(&[("CF", "1000"), ("CF", "1001"), ("CF", "1002")], ample()).unwrap();
    assert_eq!(values, [None, Some("1002".to_owned()), None]);
    link.ping(ample()).unwrap();
    drop(link);
    main.join().unwrap();
}

#[test]
fn an_account_that_may_not_ask_the_database_is_told_so_and_the_connection_stays() {
    let (address, main) = main_that(1, |mut request| {
        match request.is("DBGet") {
            true => request.answer("Error", "Message: Permission denied\r\n"),
            false => request.serve(""),
        }
        true
    });
    let mut link = probe(address);
    let error = link.database(&[("CF", "1000"), ("CF", "1001")], ample()).unwrap_err();
    assert!(error.to_string().contains("DBGet refused: Permission denied"), "{error}");
    link.ping(ample()).unwrap();
    drop(link);
    main.join().unwrap();
}

#[test]
fn channels_come_one_by_one_and_the_version_is_what_the_main_says() {
    let (address, main) = main_that(1, |mut request| {
        if request.is("CoreSettings") {
            request.answer("Success", "AMIversion: 11.0.0\r\nAsteriskVersion: 22.10.1~dfsg\r\n");
            return true;
        }
        if !request.is("CoreShowChannels") {
            request.serve("");
            return true;
        }
        request.answer("Success", "EventList: start\r\nMessage: Channels will follow\r\n");
        let channel = |name, linked| {
            format!("Event: CoreShowChannel\r\nChannel: {name}\r\nUniqueid: x\r\nLinkedid: {linked}")
        };
        let (one, two) = (channel("PJSIP/1001-00000001", "a.1"), channel("PJSIP/2001-00000002", "b.2"));
        let end = "Event: CoreShowChannelsComplete\r\nEventList: Complete\r\nListItems: 2";
        let text = list(&request, &[&one, &two, end]);
        request.stream.write_all(text.as_bytes()).unwrap();
        true
    });
    let mut link = probe(address);
    let mut channels = Vec::new();
    link.channels(ample(), &mut |name, linked| channels.push(format!("{name} {linked}"))).unwrap();
    assert_eq!(channels, ["PJSIP/1001-00000001 a.1", "PJSIP/2001-00000002 b.2"]);
    assert_eq!(link.version(ample()).unwrap().as_deref(), Some("22.10.1~dfsg"));
    link.ping(ample()).unwrap();
    drop(link);
    main.join().unwrap();
}

#[test]
fn an_account_that_may_not_ask_for_the_version_or_the_channels_keeps_its_connection() {
    let (address, main) = main_that(1, |mut request| {
        match request.is("CoreSettings") || request.is("CoreShowChannels") {
            true => request.answer("Error", "Message: Permission denied\r\n"),
            false => request.serve(""),
        }
        true
    });
    let mut link = probe(address);
    assert_eq!(link.version(ample()).unwrap(), None);
    assert!(link.channels(ample(), &mut |_, _| panic!("a channel")).is_err());
    link.ping(ample()).unwrap();
    drop(link);
    main.join().unwrap();
}
