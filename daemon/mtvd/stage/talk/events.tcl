# What the user does in the window, told to the daemon: a line for each event, through a FIFO beside this file. It is
# opened for reading too, so that writing never fails for want of a reader and nothing is lost while no daemon runs.
#
# A line is: epoch, sequence number, kind, and words in hexadecimal ("-" is empty). What happens while a script of ours
# runs is no event. Lines wait for DS9's idle time, so that of many moves of one region only the last is told. With
# 64 kB pending in the pipe new events are dropped; each has taken its number, so the reader learns how many.

namespace eval ::mtv::events {
    variable channel {}
    variable epoch {}
    variable sequence 0
    variable dropped 0
    variable waiting {}
    variable front {}
    variable frames {}
    variable before
    array set before {}
    variable many 100
}

proc ::mtv::events::install {fifo} {
    variable channel
    variable epoch [pid].[clock microseconds]
    catch {
        set channel [open $fifo {RDWR NONBLOCK}]
        fconfigure $channel -blocking 0 -buffering full -encoding utf-8 -translation lf
    }
    ::mtv::undo {catch {close $::mtv::events::channel}}
    traced execution ::KeyFrame enter ::mtv::events::key
    traced execution ::MarkerRelease {enter leave} ::mtv::events::release
    traced execution ::MarkerArrowKey leave ::mtv::events::nudged
    foreach name {DeleteKey DeleteSelect DeleteAll Cut Undo Paste LoadFile} {
        traced execution ::Marker$name {enter leave} ::mtv::events::listed
    }
    traced variable ::current(frame) write ::mtv::events::changed
    traced variable ::ds9(frames) write ::mtv::events::changed
    set ::errorInfo {}
}

proc ::mtv::events::traced {args} {
    trace add {*}$args
    ::mtv::undo [list trace remove {*}$args]
}

# Lines

proc ::mtv::events::quietly {body} {
    catch {uplevel 1 $body}
    set ::errorInfo {}
}

# An event under a key that waits already takes the place of the older one.
proc ::mtv::events::tell {key kind args} {
    variable waiting
    if {![dict size $waiting]} {after idle ::mtv::events::flush}
    dict set waiting $key [list $kind {*}$args]
}

proc ::mtv::events::flush {} {
    variable waiting
    set going $waiting
    set waiting {}
    quietly {
        dict for {key words} $going {line {*}$words}
    }
}

proc ::mtv::events::line {kind args} {
    variable sequence
    variable dropped
    incr sequence
    if {$dropped || ![room]} {
        if {!$dropped} {after 200 ::mtv::events::resume}
        incr dropped
        return
    }
    write $kind {*}$args
}

proc ::mtv::events::room {} {
    variable channel
    return [expr {$channel ne {} && ![catch {chan pending output $channel} left] && $left == 0}]
}

proc ::mtv::events::write {kind args} {
    variable channel
    variable epoch
    variable sequence
    set words {}
    foreach word $args {
        # expr would take 31e3 for a number and print it its own way
        set hex [binary encode hex [encoding convertto utf-8 $word]]
        if {$hex eq {}} {set hex -}
        lappend words $hex
    }
    puts $channel [join [list $epoch $sequence $kind {*}$words]]
    ::flush $channel
}

# Once there is room again a line of its own tells that numbers are missing: perhaps no event follows for hours.
proc ::mtv::events::resume {} {
    variable dropped
    variable sequence
    quietly {
        if {[room]} {
            incr sequence
            write gap $dropped
            set dropped 0
        } else {
            after 200 ::mtv::events::resume
        }
    }
}

# Keys

proc ::mtv::events::key {command op} {
    variable waiting
    quietly {
        lassign $command name which symbol
        if {!$::mtv::busy && ![string match {*_[LR]} $symbol] && ![string match {*_Lock} $symbol]} {
            set canvas $::ds9(canvas)
            set x [expr {[winfo pointerx $canvas] - [winfo rootx $canvas]}]
            set y [expr {[winfo pointery $canvas] - [winfo rooty $canvas]}]
            lassign {} place value
            if {[$which has fits]} {
                set place [$which get coordinates $x $y physical fk5 degrees]
                set value [$which get value canvas $x $y]
            }
            tell key[dict size $waiting] key [number $which] $symbol {*}[lrange [concat $place {{} {}}] 0 1] $value
        }
    }
}

# Frames

proc ::mtv::events::number {which} {
    return [string range $which 5 end]
}

proc ::mtv::events::changed {args} {
    if {!$::mtv::busy} {
        after cancel ::mtv::events::look
        after idle ::mtv::events::look
    }
}

# DS9 changes these in several places and in passing; only what is left of it in idle time counts.
proc ::mtv::events::look {} {
    variable front
    variable frames
    after cancel ::mtv::events::look
    quietly {
        foreach which $::ds9(frames) {
            if {$which ni $frames} {tell made$which frame [number $which] made}
        }
        foreach which $frames {
            if {$which ni $::ds9(frames)} {tell deleted$which frame [number $which] deleted}
        }
        if {$::current(frame) ne $front && $::current(frame) ne {} && $::ds9(display) ne {blink}} {
            tell raised frame [number $::current(frame)] raised
        }
        known
    }
}

# What is there now is known: by what was told, or because a script of ours has made it so.
proc ::mtv::events::known {} {
    variable front $::current(frame)
    variable frames $::ds9(frames)
}

# Regions

proc ::mtv::events::release {command args} {
    variable before
    quietly {
        set which [lindex $command 1]
        if {[lindex $args end] eq {enter}} {
            set before(motion) [list $::imarker(motion) $::imarker(id)]
        } else {
            lassign $before(motion) motion id
            if {$motion in {beginCreate create move edit rotate}} {::mtv::hand::did $which}
            switch -- $motion {
                beginCreate - create {region drawn $which $id}
                move {regions moved $which}
                edit - rotate {regions edited $which}
            }
        }
    }
}

proc ::mtv::events::nudged {command args} {
    quietly {
        ::mtv::hand::did [lindex $command 1]
        regions moved [lindex $command 1]
    }
}

# Commands of menus and keys that may add or remove any number of regions.
proc ::mtv::events::listed {command args} {
    variable before
    variable many
    if {$::mtv::busy} return
    quietly {
        set which $::current(frame)
        if {$which ne {} && [lindex $args end] eq {enter}} {
            ::mtv::hand::before $which
            set before(ids) [$which get marker id all]
            set before(told) {}
            set selected [$which get marker select]
            if {[string match *All* [lindex $command 0]]} {set selected $before(ids)}
            foreach id [lrange $selected 0 $many-1] {dict set before(told) $id [described $which $id]}
        } elseif {$which ne {}} {
            ::mtv::hand::after $which
            compare $which $before(ids) [$which get marker id all]
        }
    }
}

proc ::mtv::events::compare {which old new} {
    variable before
    variable many
    foreach id $old {set was($id) 1}
    foreach id $new {set is($id) 1}
    set gone [lmap id $old {if {[info exists is($id)]} continue; set id}]
    set come [lmap id $new {if {[info exists was($id)]} continue; set id}]
    if {[llength $gone] + [llength $come] > $many} {
        tell many$which region [number $which] changed
        return
    }
    foreach id $come {region drawn $which $id}
    foreach id $gone {
        set words {}
        if {[dict exists $before(told) $id]} {set words [dict get $before(told) $id]}
        tell deleted$which/$id region [number $which] deleted $id {*}$words
    }
}

proc ::mtv::events::regions {action which} {
    foreach id [$which get marker select] {region $action $which $id}
}

proc ::mtv::events::region {action which id} {
    set words [described $which $id]
    if {$words ne {}} {tell $action$which/$id region [number $which] $action $id {*}$words}
}

# Shape, centre, sizes, angle and tags; nothing where there is no such region.
proc ::mtv::events::described {which id} {
    set shape [$which get marker $id type]
    if {$shape eq {}} {return {}}
    set sizes {}
    if {$shape in {circle ellipse box annulus}} {set sizes [$which get marker $id $shape radius physical degrees]}
    set angle {}
    if {$shape in {ellipse box}} {set angle [$which get marker $id angle physical fk5]}
    lassign [$which get marker $id center physical fk5 degrees] x y
    return [list $shape $x $y $sizes $angle [$which get marker $id tag]]
}
