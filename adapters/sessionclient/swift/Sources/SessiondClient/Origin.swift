import Foundation

/// Scheme, host and port of a URL: what decides whether a request carries the session.
struct Origin: Hashable, Sendable {
    private let scheme: String
    private let host: String
    private let port: Int

    /// Returns nil if the URL is not an http or https URL with a host.
    init?(_ url: URL) {
        guard let scheme = url.scheme?.lowercased(), ["https", "http"].contains(scheme),
            let host = url.host?.lowercased(), !host.isEmpty
        else {
            return nil
        }
        self.scheme = scheme
        self.host = host.trimmingCharacters(in: CharacterSet(charactersIn: "[]"))
        port = url.port ?? (scheme == "https" ? 443 : 80)
    }

    /// Returns the http or https URL of a request, which may open a WebSocket.
    static func requested(_ url: URL) -> URL? {
        var parts = URLComponents(url: url, resolvingAgainstBaseURL: true)
        switch parts?.scheme?.lowercased() {
        case "ws": parts?.scheme = "http"
        case "wss": parts?.scheme = "https"
        default: break
        }
        return parts?.url
    }

    /// Reports whether a token may be sent there: over https, or without leaving the device.
    var isSecure: Bool {
        scheme == "https" || ["localhost", "127.0.0.1", "::1"].contains(host)
    }
}
