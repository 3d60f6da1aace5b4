import Foundation
import Security

/// One item of the Keychain of this device. It can be read in the background from the first unlock
/// on, and is part of no backup for another device.
struct KeychainItem: Sendable {
    let service: String
    let account: String

    /// Returns the data, or nil if there is no item.
    func load() throws -> Data? {
        var query = self.query
        query[kSecReturnData] = true
        query[kSecMatchLimit] = kSecMatchLimitOne
        var found: CFTypeRef?
        let status = SecItemCopyMatching(query as CFDictionary, &found)
        switch status {
        case errSecSuccess: return found as? Data
        case errSecItemNotFound: return nil
        default: throw KeychainError(status: status)
        }
    }

    /// Adds the item. It returns false if there is one already.
    func add(_ data: Data) throws -> Bool {
        let status = SecItemAdd(query.merging(attributes(data)) { $1 } as CFDictionary, nil)
        if status == errSecDuplicateItem { return false }
        guard status == errSecSuccess else { throw KeychainError(status: status) }
        return true
    }

    /// Replaces the data, or adds the item.
    func save(_ data: Data) throws {
        let status = SecItemUpdate(query as CFDictionary, attributes(data) as CFDictionary)
        if status == errSecItemNotFound, try add(data) { return }
        guard status == errSecSuccess else { throw KeychainError(status: status) }
    }

    func delete() throws {
        let status = SecItemDelete(query as CFDictionary)
        guard status == errSecSuccess || status == errSecItemNotFound else { throw KeychainError(status: status) }
    }

    private func attributes(_ data: Data) -> [CFString: Any] {
        [
            kSecValueData: data,
            kSecAttrAccessible: kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly,
        ]
    }

    private var query: [CFString: Any] {
        [
            kSecClass: kSecClassGenericPassword,
            kSecAttrService: service,
            kSecAttrAccount: account,
            // Without it, macOS would use the login keychain, which has no accessibility.
            kSecUseDataProtectionKeychain: true,
        ]
    }
}

struct KeychainError: Error {
    let status: OSStatus
}
