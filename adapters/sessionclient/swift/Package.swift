// swift-tools-version:5.7
import PackageDescription

let package = Package(
    name: "SessiondClient",
    platforms: [.iOS(.v15), .macOS(.v12)],
    products: [.library(name: "SessiondClient", targets: ["SessiondClient"])],
    targets: [
        .target(name: "SessiondClient"),
        .testTarget(name: "SessiondClientTests", dependencies: ["SessiondClient"]),
    ]
)
