import Foundation

/// Keeps the session in the Keychain of this device. It can be read in the background from the
/// first unlock on, and is part of no backup for another device.
public struct KeychainStorage: SessionStorage {
    private let item: KeychainItem

    /// Clients with different services share nothing.
    public init(service: String = "sessiond") {
        item = KeychainItem(service: service, account: "session")
    }

    public func load() throws -> String? {
        try item.load().flatMap { String(data: $0, encoding: .utf8) }
    }

    public func save(_ text: String?) throws {
        guard let text else {
            try item.delete()
            return
        }
        try item.save(Data(text.utf8))
    }
}
