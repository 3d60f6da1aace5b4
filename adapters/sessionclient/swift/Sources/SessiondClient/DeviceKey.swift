import Foundation

/// A key of the device, to which sessions are bound. It is the identity of the installation, too.
public protocol DeviceKey: Sendable {
    /// Returns the key, and makes one if there is none. It is called before each use, so that a
    /// key which another process has forgotten is not used again.
    func signer() throws -> any DeviceSigner
    /// Forgets the key: the next call of `signer` returns another one.
    func forget() throws
}

/// A private key on P-256 as it is used.
public protocol DeviceSigner: Sendable {
    /// Returns x and y of the public key, 32 bytes each.
    func publicKey() -> Data
    /// Returns r and s of a signature by ECDSA with SHA-256, 32 bytes each.
    func sign(_ message: Data) throws -> Data
}

/// A key that is not of the form that `DeviceSigner` describes.
struct DeviceKeyError: Error {}
