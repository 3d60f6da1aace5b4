import XCTest
@testable import SessiondClient

final class SessionClientTests: XCTestCase {
    func testCallersShareOneSession() async throws {
        let world = World([grant("first.token")])
        let client = try world.client()
        try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<20 { group.addTask { try await client.token() } }
            for try await token in group { XCTAssertEqual(token, "first.token") }
        }
        XCTAssertEqual(world.bearers, [nil])
    }

    func testRenewsInTheBackground() async throws {
        let world = World([grant("first.token", refreshAfter: 80), grant("second.token")])
        let client = try world.client()
        let first = try await client.token()
        world.advance(79)
        _ = try await client.token()
        XCTAssertEqual(world.bearers, [nil])
        world.advance(1)
        let due = try await client.token()
        XCTAssertEqual(due, first)
        _ = await client.flight?.task.value
        let renewed = try await client.token()
        XCTAssertEqual(renewed, "second.token")
        XCTAssertEqual(world.bearers, [nil, "first.token"])
    }

    func testWaitsAsLongAsItIsTold() async throws {
        let world = World([refusal(retryAfter: 100), grant("first.token")])
        let client = try world.client()
        let token = try await client.token()
        XCTAssertEqual(token, "first.token")
        XCTAssertEqual(world.slept, [105])
    }

    func testFailsAtOnceIfTheWaitIsTooLong() async throws {
        let world = World([refusal(retryAfter: 200)])
        let client = try world.client()
        do {
            _ = try await client.token()
            XCTFail("there is no session")
        } catch let error as SessionError {
            XCTAssertEqual(error.code, "session_rate_limited")
            XCTAssertEqual(error.retryAfter, 200)
        }
        XCTAssertEqual(world.slept, [])
    }

    func testAllWaitingEndsAfterMaxWait() async throws {
        var configuration = SessionClient.Configuration(
            sessions: URL(string: "https://sessions.example.com")!, application: [], appVersion: "1.0"
        )
        configuration.maxWait = 0
        configuration.hooks.send = { _, _ in
            try? await Task.sleep(nanoseconds: 60_000_000_000)
            return grant("late.token")
        }
        let client = try SessionClient(configuration)
        do {
            _ = try await client.token()
            XCTFail("there is no session yet")
        } catch let error as SessionError {
            XCTAssertEqual(error.code, SessionError.timeout)
        }
        try await client.signOut() // ends the exchange
    }

    func testRejections() async throws {
        let world = World([grant("first.token"), grant("second.token"), grant("third.token")])
        let client = try world.client()
        var token = try await client.token()
        var again = await client.reject(token, .expired)
        XCTAssertTrue(again)
        token = try await client.token()
        XCTAssertEqual(token, "second.token")
        again = await client.reject(token, .invalid)
        XCTAssertTrue(again)
        token = try await client.token()
        XCTAssertEqual(token, "third.token")
        again = await client.reject(token, .invalid)
        XCTAssertFalse(again, "a session is replaced once a minute at most")
        XCTAssertEqual(world.bearers, [nil, "first.token", nil])
    }

    func testClientsOfOneStorageRenewOnce() async throws {
        let world = World([grant("first.token"), grant("second.token")])
        let clients = [try world.client(), try world.client()]
        for _ in 0..<2 {
            for client in clients { _ = try await client.token() }
        }
        XCTAssertEqual(world.bearers, [nil, "first.token"])
    }

    func testSignOutForgets() async throws {
        let world = World([grant("first.token"), grant("second.token")])
        let client = try world.client()
        _ = try await client.token()
        try await client.signOut()
        XCTAssertNil(world.storage.load())
        let token = try await client.token()
        XCTAssertEqual(token, "second.token")
        XCTAssertEqual(Set(world.installIDs).count, 2)
    }

    func testAStorageThatFailsDoesNoHarm() async throws {
        let world = World([grant("first.token")])
        let client = try world.client(storage: FailingStorage())
        for _ in 0..<3 {
            let token = try await client.token()
            XCTAssertEqual(token, "first.token")
        }
        do {
            try await client.signOut()
            XCTFail("the storage may still hold the session")
        } catch is FailingStorage.Failure {
            let held = await client.held
            XCTAssertEqual(held, Record())
        }
    }

    func testPlainHTTPIsForThisDevice() throws {
        let world = World([])
        XCTAssertNoThrow(try world.client(application: "http://127.0.0.1:3000"))
        XCTAssertThrowsError(try world.client(application: "http://api.example.com"))
    }

    func testABaseURLHasNoUserQueryOrFragment() throws {
        for end in ["user:secret@api.example.com", "api.example.com?a=b", "api.example.com/?", "api.example.com#"] {
            XCTAssertThrowsError(try World([]).client(application: "https://" + end)) { error in
                XCTAssertFalse(error.localizedDescription.contains("secret"))
            }
        }
    }

    func testAnInstallIDIsOneThatTheServiceTakes() throws {
        for id in ["short", "        ", "install-\u{0}-12345"] {
            var configuration = SessionClient.Configuration(
                sessions: URL(string: "https://sessions.example.com")!, application: [], appVersion: "1.0"
            )
            configuration.installID = id
            XCTAssertThrowsError(try SessionClient(configuration))
        }
    }
}

private struct FailingStorage: SessionStorage {
    struct Failure: Error {}

    func load() throws -> String? { throw Failure() }
    func save(_ text: String?) throws { throw Failure() }
}
