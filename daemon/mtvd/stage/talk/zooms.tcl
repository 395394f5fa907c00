# Zooms and sizes of frames: masks are drawn in cells that are chosen by them. A batch's answer has those that are other than
# they were told last; where the user zooms, the daemon is woken to ask.

namespace eval ::mtv::zooms {
    variable told {}
    variable fresh 0
}

proc ::mtv::zooms::install {} {
    ::mtv::events::traced execution ::UpdatePanZoomDialog leave ::mtv::zooms::changed
}

# DS9 calls this at the end of whatever zooms, turns or moves a frame.
proc ::mtv::zooms::changed {args} {
    variable told
    if {$::mtv::busy} return
    ::mtv::events::quietly {
        ::mtv::kept::follow_or_tell
        foreach which $::ds9(frames) {
            if {[dict exists $told $which] && [lindex [dict get $told $which] 0] ne [$which get zoom]} {
                ::mtv::events::tell zoom zoom
                break
            }
        }
    }
}

# After a batch that may have changed more than markers.
proc ::mtv::zooms::look {} {
    variable fresh 1
}

# Lines of an answer.
proc ::mtv::zooms::lines {} {
    variable told
    variable fresh
    if {!$fresh} {return {}}
    set fresh 0
    set lines {}
    set now {}
    foreach which $::ds9(frames) {
        if {![$which has fits]} continue
        set words [list [$which get zoom] {*}[::mtv::size_of $which]]
        dict set now $which $words
        if {[dict exists $told $which] && [dict get $told $which] eq $words} continue
        lappend lines "z [string range $which 5 end] [join $words]"
    }
    set told $now
    return $lines
}

# All of them, to a daemon that may know none.
proc ::mtv::zooms::all {} {
    variable told {}
    variable fresh 1
    return [join [lines] \n]
}

# The layers of a mask in other cells, in place of those that are loaded. No batch: what the user has done since the last one
# is still to be seen by the next. Where the user has taken the mask away it stays away.
proc ::mtv::zooms::relayer {number layers} {
    set which Frame$number
    if {$which ni $::ds9(frames) || ![$which has fits] || ![$which get mask count]} {return gone}
    variable ::mtv::busy 1
    set code [catch {exchange $which $layers} message]
    set ::mtv::busy 0
    ::mtv::quiet
    if {$code} {error $message}
    return done
}

proc ::mtv::zooms::exchange {which layers} {
    if {![llength $layers] || ![$which has fits] || ![$which get mask count]} return
    set legend [::mtv::annotations::rows_of $which]
    ::mtv::drop_masks $which
    ::mtv::add_layers $which $layers
    ::mtv::annotations::masked $which $legend
}
