import CryptoKit
import Foundation
import Security

/// A key in the Secure Enclave, or, on a device without one, in the Keychain. It is made with the
/// first use, can be used in the background from the first unlock on, and moves to no other device.
public struct KeychainKey: DeviceKey {
    private let item: KeychainItem

    /// Clients with different services share nothing.
    public init(service: String = "sessiond") {
        item = KeychainItem(service: service, account: "device-key")
    }

    public func signer() throws -> any DeviceSigner {
        if let stored = try item.load() { return try KeychainKey.parse(stored) }
        let (signer, data) = try KeychainKey.make()
        if try item.add(data) { return signer }
        // Another process has made one in the meantime.
        guard let stored = try item.load() else { throw DeviceKeyError() }
        return try KeychainKey.parse(stored)
    }

    public func forget() throws { try item.delete() }

    /// What is stored begins with one of these, because an enclave's key and another key of the
    /// same device look alike.
    private static let enclave = UInt8(ascii: "E")
    private static let software = UInt8(ascii: "P")

    private static func make() throws -> (any DeviceSigner, Data) {
        guard SecureEnclave.isAvailable else {
            let key = P256.Signing.PrivateKey()
            return (SoftwareSigner(key: key), Data([software]) + key.rawRepresentation)
        }
        // Without it, the key could not be used while the device is locked.
        guard let access = SecAccessControlCreateWithFlags(
            nil, kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly, .privateKeyUsage, nil
        ) else { throw DeviceKeyError() }
        let key = try SecureEnclave.P256.Signing.PrivateKey(accessControl: access)
        // This is encrypted by the enclave, and of no use elsewhere.
        return (EnclaveSigner(key: key), Data([enclave]) + key.dataRepresentation)
    }

    private static func parse(_ stored: Data) throws -> any DeviceSigner {
        switch stored.first {
        case enclave:
            let key = try SecureEnclave.P256.Signing.PrivateKey(dataRepresentation: Data(stored.dropFirst()))
            return EnclaveSigner(key: key)
        case software:
            return SoftwareSigner(key: try P256.Signing.PrivateKey(rawRepresentation: Data(stored.dropFirst())))
        default:
            throw DeviceKeyError()
        }
    }
}

// The keys of CryptoKit cannot be changed; older SDKs do not say that they are Sendable.

struct EnclaveSigner: DeviceSigner, @unchecked Sendable {
    let key: SecureEnclave.P256.Signing.PrivateKey

    func publicKey() -> Data { key.publicKey.rawRepresentation }

    func sign(_ message: Data) throws -> Data { try key.signature(for: message).rawRepresentation }
}

struct SoftwareSigner: DeviceSigner, @unchecked Sendable {
    let key: P256.Signing.PrivateKey

    func publicKey() -> Data { key.publicKey.rawRepresentation }

    func sign(_ message: Data) throws -> Data { try key.signature(for: message).rawRepresentation }
}
