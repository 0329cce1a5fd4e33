#!/bin/bash
# A Debian package of one daemon from programs that are built:
#   packaging/deb.sh agent|coordinator|models [FOLDER OF PROGRAMS [FOLDER FOR THE PACKAGE]]
# Needs dpkg-dev. The unit, its user and its folders come from systemd/.
set -euo pipefail
cd "$(dirname "$0")/.."

what=${1:?want agent, coordinator or models}
programs=${2:-target/release}
target=${3:-target/debian}
name=goshawk-$what
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
arch=$(dpkg --print-architecture)

case $what in
agent)
    about="Goshawk edge agent: watches cameras and sends what it sees"
    # Loaded by name, so no tool finds them.
    more="gstreamer1.0-plugins-base, gstreamer1.0-plugins-good, gstreamer1.0-plugins-bad, gstreamer1.0-libav"
    ;;
coordinator) about="Goshawk coordinator: events, faces and lists behind one API" more="" ;;
models) about="Goshawk models: fetches, checks and measures the models of both daemons" more="" ;;
*) echo "$0: want agent, coordinator or models" >&2; exit 2 ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
install -D -m 755 "$programs/$name" "$root/usr/bin/$name"
strip --strip-unneeded "$root/usr/bin/$name"
install -D -m 644 README.md "$root/usr/share/doc/$name/README.md"
install -D -m 644 LICENSE "$root/usr/share/doc/$name/copyright"
mkdir -p "$root/DEBIAN"
if [ "$what" != models ]; then
    install -D -m 644 "systemd/$name.service" "$root/usr/lib/systemd/system/$name.service"
    install -D -m 644 "systemd/$name.sysusers" "$root/usr/lib/sysusers.d/$name.conf"
    install -D -m 644 "systemd/$name.tmpfiles" "$root/usr/lib/tmpfiles.d/$name.conf"
    install -D -m 644 "packaging/$what.toml" "$root/etc/goshawk/$what.toml"
    echo "/etc/goshawk/$what.toml" > "$root/DEBIAN/conffiles"
    for script in postinst prerm postrm; do
        sed "s/@NAME@/$name/g" "packaging/$script" > "$root/DEBIAN/$script"
        chmod 755 "$root/DEBIAN/$script"
    done
    more="${more:+$more, }systemd"
fi

# The libraries that the program is linked to, by the packages that have them.
mkdir -p "$work/debian"
printf 'Source: %s\n\nPackage: %s\nArchitecture: any\n' "$name" "$name" > "$work/debian/control"
libraries=$(cd "$work" && dpkg-shlibdeps -O "root/usr/bin/$name" 2>/dev/null | sed -n 's/^shlibs:Depends=//p')
depends=$(echo "${libraries}${more:+, $more}" | sed 's/^, //')

{
    echo "Package: $name"
    echo "Version: $version"
    echo "Architecture: $arch"
    echo "Maintainer: The Goshawk authors <goshawk@example.invalid>"
    echo "Section: video"
    echo "Priority: optional"
    echo "Depends: $depends"
    [ "$what" = models ] || echo "Recommends: goshawk-models"
    echo "Installed-Size: $(du -sk --exclude=DEBIAN "$root" | cut -f1)"
    echo "Description: $about"
} > "$root/DEBIAN/control"

mkdir -p "$target"
dpkg-deb --root-owner-group --build "$root" "$target/${name}_${version}_${arch}.deb"
