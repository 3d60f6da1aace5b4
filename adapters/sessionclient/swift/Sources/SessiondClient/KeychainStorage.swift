import Foundation
import Security

/// Keeps the session in the Keychain of this device. It can be read in the background from the
/// first unlock on, and is part of no backup for another device.
public struct KeychainStorage: SessionStorage {
    private let service: String

    /// Clients with different services share nothing.
    public init(service: String = "sessiond") {
        self.service = service
    }

    public func load() throws -> String? {
        var query = item
        query[kSecReturnData] = true
        query[kSecMatchLimit] = kSecMatchLimitOne
        var found: CFTypeRef?
        let status = SecItemCopyMatching(query as CFDictionary, &found)
        switch status {
        case errSecSuccess:
            return (found as? Data).flatMap { String(data: $0, encoding: .utf8) }
        case errSecItemNotFound:
            return nil
        default:
            throw KeychainError(status: status)
        }
    }

    public func save(_ text: String?) throws {
        guard let text else {
            let status = SecItemDelete(item as CFDictionary)
            guard status == errSecSuccess || status == errSecItemNotFound else { throw KeychainError(status: status) }
            return
        }
        let value: [CFString: Any] = [
            kSecValueData: Data(text.utf8),
            kSecAttrAccessible: kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly,
        ]
        var status = SecItemUpdate(item as CFDictionary, value as CFDictionary)
        if status == errSecItemNotFound {
            status = SecItemAdd(item.merging(value) { $1 } as CFDictionary, nil)
        }
        guard status == errSecSuccess else { throw KeychainError(status: status) }
    }

    private var item: [CFString: Any] {
        [
            kSecClass: kSecClassGenericPassword,
            kSecAttrService: service,
            kSecAttrAccount: "session",
            // Without it, macOS would use the login keychain, which has no accessibility.
            kSecUseDataProtectionKeychain: true,
        ]
    }
}

struct KeychainError: Error {
    let status: OSStatus
}
