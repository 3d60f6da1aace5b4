import Foundation

/// What the storage keeps, as JSON with the members `version` (1), `install_id`, `session_token` and
/// `refresh_after`.
struct Record: Equatable, Sendable {
    var installID: String?
    var token: String?
    /// Seconds after which the token is to be renewed, counted from when it was issued.
    var refreshAfter: Int?

    var isEmpty: Bool { installID == nil && token == nil }

    init(installID: String? = nil, token: String? = nil, refreshAfter: Int? = nil) {
        self.installID = installID
        self.token = token
        self.refreshAfter = refreshAfter
    }

    /// Reads a text that may be anything. What is not sound counts as absent.
    init(stored text: String?) {
        guard let text, let members = (try? JSONSerialization.jsonObject(with: Data(text.utf8))) as? [String: Any]
        else {
            return
        }
        if let id = members["install_id"] as? String, Record.isInstallID(id) { installID = id }
        if members["version"] as? Int == 1, installID != nil,
            let stored = members["session_token"] as? String, Record.isToken(stored)
        {
            token = stored
            refreshAfter = (members["refresh_after"] as? Int).flatMap { Record.isRefreshAfter($0) ? $0 : nil }
        }
    }

    /// The text to store, or nil if there is nothing to keep.
    var text: String? {
        guard !isEmpty else { return nil }
        var members: [String: Any] = ["version": 1]
        if let installID { members["install_id"] = installID }
        if let token { members["session_token"] = token }
        if let refreshAfter { members["refresh_after"] = refreshAfter }
        let data = try? JSONSerialization.data(withJSONObject: members, options: .sortedKeys)
        return data.flatMap { String(data: $0, encoding: .utf8) }
    }

    static func isInstallID(_ id: String) -> Bool {
        (8...128).contains(id.unicodeScalars.count)
            && !id.unicodeScalars.contains { $0.properties.generalCategory == .control }
            && !id.unicodeScalars.allSatisfy { $0.properties.isWhitespace }
    }

    static func isRefreshAfter(_ seconds: Int) -> Bool {
        (0...31_536_000).contains(seconds)
    }

    static func isToken(_ token: String) -> Bool {
        (1...4096).contains(token.utf8.count) && token.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                return true
            default:
                return false
            }
        }
    }
}
