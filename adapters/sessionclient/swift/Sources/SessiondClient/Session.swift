import Foundation

// The session that is held: where it is read and kept, and what a rejection does to it.
extension SessionClient {
    /// Returns the session to send. It waits for one if none is held.
    func obtain(_ call: Call) async throws -> Pass {
        var renewedFirst = false
        while true {
            try Task.checkCancellation()
            try read()
            let now = hooks.now()
            if let token = held.token, token != expiredToken {
                let ageIsUnknown = due?.token != token
                if !call.replayable, ageIsUnknown, !renewedFirst, now >= max(notBefore, renewNotBefore) {
                    // A 401 could not be handled, so it is avoided.
                    renewedFirst = true
                    _ = try await nextOutcome(until: call.deadline)
                    continue
                }
                if let due, due.token == token, now >= max(due.at, notBefore, renewNotBefore) {
                    launch() // in the background: no request waits for it
                }
                return Pass(token: token, device: device)
            }
            if now < notBefore {
                guard notBefore <= call.deadline else {
                    throw refusal.retrying(after: notBefore - now)
                }
                try await hooks.sleep(notBefore - now)
                continue
            }
            switch try await nextOutcome(until: call.deadline) {
            case .granted(let pass): return pass
            case .failed(let error): throw error
            case .refused(let error) where notBefore > call.deadline: throw error
            case .refused, .dropped: continue
            }
        }
    }

    /// Notes that the application refused the token. It returns false if nothing would change by
    /// sending the request again.
    func reject(_ token: String, _ rejection: Rejection) -> Bool {
        do {
            try read()
        } catch {
            return false // without its key, it cannot be sent again
        }
        guard held.token == token else { return true } // another caller has replaced it already
        // An application with wrong keys or a wrong clock must not make every device ask for sessions
        // without end.
        let now = hooks.now()
        switch rejection {
        case .expired:
            if token != expiredToken, let due, due.token == token, now < due.at {
                if let lastRenewedEarly, now < lastRenewedEarly + 60 { return false }
                lastRenewedEarly = now
            }
            expiredToken = token
        case .invalid:
            if let lastReplaced, now < lastReplaced + 60 { return false }
            lastReplaced = now
            keep(Record(installID: held.installID, token: nil))
        case .nonceRequired:
            return false // says nothing about the session
        }
        return true
    }

    /// Reads the key into `device` and the storage into `held`, so that what another process did is
    /// noticed. A storage that fails leaves the client in memory. Throws `SessionError` if the key
    /// fails.
    func read() throws {
        device = try currentDevice()
        if let ownID, let id = held.installID, id != ownID {
            // What another key could not save need not be saved.
            held = Record(installID: ownID)
            saveError = nil
        }
        if unsaved, !provisional {
            save()
            return
        }
        let stored: Record
        do {
            stored = Record(stored: try configuration.storage.load())
        } catch {
            provisional = provisional || held.isEmpty
            return
        }
        if let accessed, let token = stored.token, token != held.token, let seconds = stored.refreshAfter {
            // Another client has stored it since, so its age is known well enough.
            due = (token, accessed + TimeInterval(seconds))
        }
        accessed = hooks.now()
        let beganWithoutStorage = provisional
        provisional = false
        if beganWithoutStorage, stored.isEmpty {
            save()
            return
        }
        held = stored
        if let ownID, held.installID != ownID {
            held = Record(installID: ownID, token: nil) // a session of another installation
        } else if ownID == nil, let id = held.installID, Device.isThumbprint(id) {
            held = Record() // bound to a key that the app no longer uses
        }
    }

    /// The install ID that does not come from the storage.
    var ownID: String? { device?.installID ?? configuration.installID }

    func keep(_ record: Record) {
        held = record
        if !provisional { save() }
    }

    private func save() {
        do {
            try configuration.storage.save(held.text)
            // Another client may have replaced it already, so only several saves in sequence are a
            // storage that loses what it is given. It must not cause a session for each request.
            lost = Record(stored: try configuration.storage.load()) == held ? 0 : lost + 1
            accessed = hooks.now()
            saveError = lost >= 3 ? StorageLosesText() : nil
        } catch {
            saveError = error
        }
    }

    /// Returns the install ID, which it creates and keeps if there is none. It is never a
    /// constant: all devices with a constant would share one limit.
    func installID() -> String {
        if let known = ownID ?? held.installID { return known }
        let created = UUID().uuidString.lowercased()
        keep(Record(installID: created, token: held.token))
        return created
    }
}
