"""An RTSP server that passes on the H.264 that comes as RTP over UDP; needs GStreamer's RTSP server and PyGObject.

    python3 -c "import rtsp_server; rtsp_server.main()" PORT RTP_PORT [USER:PASSWORD]

Of Debian: gir1.2-gst-rtsp-server-1.0 python3-gi gstreamer1.0-plugins-good gstreamer1.0-plugins-bad. It runs in the
system's Python, which has these, and needs nothing of amclip's.
"""

import sys

LAUNCH = (
    "( udpsrc port={} caps=application/x-rtp,media=video,encoding-name=H264,clock-rate=90000 "
    "! rtpjitterbuffer latency=0 ! rtph264depay ! h264parse ! rtph264pay name=pay0 pt=96 config-interval=1 )"
)


def main() -> None:
    """Serve rtsp://127.0.0.1:PORT/live until it is killed."""
    import gi

    gi.require_version("Gst", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import GLib, Gst, GstRtspServer

    Gst.init(None)
    port, rtp_port, *login = sys.argv[1:]
    server = GstRtspServer.RTSPServer.new()
    server.set_service(port)
    factory = GstRtspServer.RTSPMediaFactory.new()
    factory.set_launch(LAUNCH.format(rtp_port))
    factory.set_shared(True)
    if login:
        auth = GstRtspServer.RTSPAuth.new()
        token = GstRtspServer.RTSPToken.new()
        token.set_string(GstRtspServer.RTSP_TOKEN_MEDIA_FACTORY_ROLE, "known")
        user, _, password = login[0].partition(":")
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
        server.set_auth(auth)
        factory.add_role_from_structure(
            Gst.Structure.from_string("known,media.factory.access=(boolean)true,media.factory.construct=(boolean)true")[
                0
            ]
        )
    server.get_mount_points().add_factory("/live", factory)
    server.attach(None)
    print(Gst.version_string(), flush=True)
    GLib.MainLoop().run()
