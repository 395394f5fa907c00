# Markers that are smaller on the screen than can be seen are drawn as points, whose size DS9 keeps on the screen; where the user
# zooms in they get their own size in image pixels. For that the text of what is drawn is kept, by frame and tag.
#
# One zoom decides for all markers of a size. Those of one tag are drawn together, in their order: their ids tell the daemon
# which of them the user has deleted.

namespace eval ::mtv::kept {
    # radius in pixels of the screen below which a marker is drawn as a point, and the diameter of that point
    variable least_px 4.0
    variable point_px 9
    variable texts
    variable kinds
    variable sizes
    variable drawn
    array set texts {}
    array set kinds {}
    array set sizes {}
    array set drawn {}
}

# What is to be drawn of a region text, whose radii are between two in its own unit; 0 where none of it is ever a point. Texts
# of one kind and unit that come after each other are one: its states and radii are kept by place.
proc ::mtv::kept::add {which text kind least most} {
    variable texts
    variable kinds
    variable sizes
    variable drawn
    if {![regexp {tag="(mtv\.[0-9a-f]+)"} $text -> tag]} {return $text}
    set key $which,$tag
    if {[info exists kinds($key)]} {
        # it may have been zoomed by this very batch
        follow_tag $key
    } else {
        set kinds($key) {}
        set sizes($key) {}
        set drawn($key) {}
    }
    set unit [unit $text]
    set of [list $kind $unit [expr {$most > 0}]]
    if {[lindex $kinds($key) end] ne $of} {
        lappend kinds($key) $of
        lappend sizes($key) [list $least $most]
        lappend drawn($key) near
    }
    append texts($key,[expr {[llength $kinds($key)] - 1}]) $text
    if {$most <= 0} {return $text}
    lassign [lindex $sizes($key) end] least_known most_known
    lset sizes($key) end [list [expr {min($least, $least_known)}] [expr {max($most, $most_known)}]]
    set px [screen_px $which $unit]
    lset drawn($key) end [state $px {*}[lindex $sizes($key) end]]
    return [sized $text [state $px $least $most] $px $unit]
}

proc ::mtv::kept::unit {text} {
    return [expr {[string match icrs* $text] ? {icrs} : {physical}}]
}

# Pixels of the screen in a unit: an image pixel, or an arc second. Until its next redraw DS9 turns places on the screen into
# others by the zoom before, so an arc second is measured in image pixels.
proc ::mtv::kept::screen_px {which unit} {
    set zoom [smallest [$which get zoom]]
    if {$unit ne {icrs}} {return $zoom}
    lassign [::mtv::size_of $which] width height
    set y [expr {$height / 2}]
    set places {}
    foreach x [list [expr {$width / 2}] [expr {$width / 2 + 10}]] {
        lappend places {*}[$which get coordinates $x $y wcs icrs degrees]
        lappend places {*}[$which get coordinates $x $y image fk5 degrees]
    }
    lassign $places ra0 dec0 x0 y0 ra1 dec1 x1 y1
    if {[llength $places] != 8 || ![string is double -strict $dec1]} {return $zoom}
    set across [expr {(fmod($ra1 - $ra0 + 540, 360) - 180) * cos($dec0 * 0.017453292519943295)}]
    set arcsec [expr {3600 * hypot($across, $dec1 - $dec0)}]
    return [expr {$arcsec > 0 ? $zoom * hypot($x1 - $x0, $y1 - $y0) / $arcsec : $zoom}]
}

proc ::mtv::kept::smallest {zooms} {
    return [::tcl::mathfunc::min {*}[lmap one $zooms {expr {abs($one)}}]]
}

proc ::mtv::kept::state {px least most} {
    variable least_px
    if {$most <= 0 || $least * $px >= $least_px} {return near}
    if {$most * $px < $least_px} {return far}
    return "mixed $px"
}

# The text with its markers as points where they are too small.
proc ::mtv::kept::sized {text state px unit} {
    switch -glob -- $state {
        near {return $text}
        far {return [points $text]}
    }
    variable least_px
    set most [expr {$least_px / $px}]
    return [join [lmap line [split $text \n] {
        set radius [radius $line $unit]
        expr {$radius > 0 && $radius < $most ? [points $line] : $line}
    }] \n]
}

proc ::mtv::kept::points {text} {
    variable point_px
    set mark "# point=%s $point_px "
    regsub -all -line {^(?:circle|ellipse)\(([^,]+,[^,]+),[^)]*\) # } $text "point(\\1) [format $mark circle]" text
    regsub -all -line {^segment\([^,]+,([^,]+),[^,]+,\1,([^,]+,[^,]+),[^)]*\) # } $text \
        "point(\\2) [format $mark cross]" text
    regsub -all -line {^segment\([^,]+,[^,]+,[^,]+,[^,]+,([^,]+,[^,]+),[^)]*\) # } $text \
        "point(\\1) [format $mark x]" text
    return $text
}

# Radius of a line's marker in its own unit; 0 of what is never a point.
proc ::mtv::kept::radius {line unit} {
    if {![regexp {^(circle|ellipse|segment)\(([^)]*)\)} $line -> shape numbers]} {return 0}
    set numbers [split [string map {\" {}} $numbers] ,]
    switch -- $shape {
        circle {return [lindex $numbers 2]}
        ellipse {return [expr {max([lindex $numbers 2], [lindex $numbers 3])}]}
    }
    lassign $numbers x0 y0 - - x y
    if {$y eq {}} {return 0}
    set scale 1
    set width [expr {$x - $x0}]
    if {$unit eq {icrs}} {
        set scale 3600
        set width [expr {$width * cos($y * 0.017453292519943295)}]
    }
    return [expr {$scale * hypot($width, $y - $y0)}]
}

# After something was zoomed: tags whose markers must change are drawn anew.
proc ::mtv::kept::follow {} {
    variable drawn
    foreach key [array names drawn] {follow_tag $key}
}

# For those who have nobody to tell of an error: the next answer has it, and the daemon logs it.
proc ::mtv::kept::follow_or_tell {} {
    if {[catch follow message]} {lappend ::mtv::troubles "markers were not drawn for another zoom: $message"}
}

proc ::mtv::kept::follow_tag {key} {
    variable drawn
    variable sizes
    variable kinds
    lassign [split $key ,] which tag
    if {$which ni $::ds9(frames) || ![$which has fits]} return
    set now [lmap of $kinds($key) size $sizes($key) {
        lassign $of kind unit is_sized
        expr {$is_sized ? [state [screen_px $which $unit] {*}$size] : {near}}
    }]
    if {$now eq $drawn($key)} return
    set drawn($key) $now
    redraw $which $tag
}

proc ::mtv::kept::redraw {which tag} {
    variable texts
    variable kinds
    variable drawn
    ::mtv::hand::fill $which $tag
    $which marker $tag delete
    set index -1
    foreach of $kinds($which,$tag) state $drawn($which,$tag) {
        lassign $of kind unit is_sized
        set text $texts($which,$tag,[incr index])
        if {$kind eq {0} && $is_sized} {set text [sized $text $state [screen_px $which $unit] $unit]}
        ::mtv::put $which $text $kind
    }
    ::mtv::quiet
}

# The user has deleted some, by their numbers among those that there were.
proc ::mtv::kept::lose {which tag numbers} {
    variable texts
    variable kinds
    if {![info exists kinds($which,$tag)]} return
    foreach number $numbers {set lost($number) 1}
    set number -1
    for {set index 0} {$index < [llength $kinds($which,$tag)]} {incr index} {
        set texts($which,$tag,$index) [join [lmap line [split $texts($which,$tag,$index) \n] {
            if {[string match "*tag=*" $line] && [info exists lost([incr number])]} continue
            set line
        }] \n]
    }
}

# Those of a tag go, or all of a frame.
proc ::mtv::kept::drop {which tag} {
    set pattern [expr {$tag eq {} ? "$which,*" : "$which,$tag"}]
    foreach name {kinds sizes drawn} {array unset ::mtv::kept::$name $pattern}
    array unset ::mtv::kept::texts [expr {$tag eq {} ? $pattern : "$pattern,*"}]
}
