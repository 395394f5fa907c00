# Annotations: what a frame says of itself, in items of DS9's canvas above it. DS9 draws them with each redraw of the frame
# below (a feed of 2048x4176 took 80.8 ms of CPU a frame without label and legend, and 80.6 with them), and has them in the
# pictures that it saves. They take no clicks: to the mouse a disabled item is not there.
#
# The label and the legend follow each batch at once. What is of DS9's making, the limits and whatever depends on the view,
# follows 50 ms later, because the user and other programs change it too.

namespace eval ::mtv::annotations {
    variable wanted {}
    variable planes {}
    variable paths {}
    variable gridded {}
    variable drawn {}
    variable dirty {}
    variable timer {}
    variable failure {}
    variable still {label legend}
    variable moving {limits scale_bar compass}
}

# Of these DS9's own procedures the ones above tell that the view, the limits or the mask may be others, those below that
# frames have come, gone or moved.
proc ::mtv::annotations::install {} {
    ::mtv::undo ::mtv::annotations::uninstall
    foreach name {
        UpdatePan UpdateZoom UpdateRotate RefreshInfoBox MatchFrame UpdateScale UpdateColormapLevel MaskTransparency MaskClear
    } {hook $name later}
    foreach name {GotoFrame LayoutFrames DisplayMode FinishLoad ClearFrame} {hook $name laid_out}
    hook LayoutRaise raised
}

proc ::mtv::annotations::hook {name call} {
    if {[info commands ::$name] ne {}} {
        ::mtv::events::traced execution ::$name leave ::mtv::annotations::$call
    }
}

proc ::mtv::annotations::uninstall {} {
    variable timer
    after cancel $timer
    $::ds9(canvas) delete mtv.annotation
}

# What is wanted

proc ::mtv::do::annotate {number names caption unit} {
    ::mtv::annotations::want [::mtv::frame $number] $names $caption $unit
}

proc ::mtv::annotations::want {which names caption unit} {
    variable wanted
    variable gridded
    if {{grid} ni $names && [dict exists $gridded $which]} {
        grid $which 0
        dict unset gridded $which
    }
    dict set wanted $which [list $names $caption $unit]
    touch $which
}

# DS9's own grid, which stays with the frame: it is made or taken away once for each image, so that the user may do otherwise.
proc ::mtv::annotations::grid_once {which} {
    variable paths
    variable gridded
    set path [expr {[dict exists $paths $which] ? [dict get $paths $which] : {}}]
    if {[dict exists $gridded $which] && [dict get $gridded $which] eq $path} return
    dict set gridded $which $path
    set sky [$which has wcs celestial wcs]
    if {$sky != [$which has grid]} {grid $which $sky}
}

# DS9's procedure knows one set of options for all frames, those of the frame in front.
proc ::mtv::annotations::grid {which on} {
    global grid
    if {![$which has fits]} return
    set front [array get grid]
    ::mtv::as_front $which {
        set grid(view) $on
        if {$on} {array set grid {system wcs sky icrs}}
        [expr {[info commands ::UpdateGrid] ne {} ? {UpdateGrid} : {GridUpdate}}] $which ;# of that name from 8.6 on
    }
    if {$which eq $::current(frame)} {lappend front view $on}
    array set grid $front
}

# The file that a frame was given; one that the user has opened instead is not what the label says.
proc ::mtv::annotations::loaded {which path} {
    variable paths
    dict set paths $which $path
    touch $which
}

# Colours of the mask that have a pixel, and the names of their planes, from the top to the bottom.
proc ::mtv::annotations::masked {which rows} {
    variable planes
    if {$rows eq [rows_of $which]} return
    dict set planes $which $rows
    touch $which
}

proc ::mtv::annotations::rows_of {which} {
    variable planes
    return [expr {[dict exists $planes $which] ? [dict get $planes $which] : {}}]
}

proc ::mtv::annotations::forget {which} {
    variable wanted
    variable planes
    variable paths
    variable gridded
    if {[dict exists $gridded $which] && $which in $::ds9(frames)} {grid $which 0}
    dict unset gridded $which
    dict unset wanted $which
    dict unset planes $which
    dict unset paths $which
    erase $which
}

# When they are drawn

proc ::mtv::annotations::touch {which} {
    variable dirty
    dict set dirty $which 1
}

# The end of a batch.
proc ::mtv::annotations::end {} {
    variable dirty
    variable still
    set frames [dict keys $dirty]
    set dirty {}
    foreach which $frames {try_to_show $which $still}
    later
}

proc ::mtv::annotations::later {args} {
    variable timer
    if {$timer eq {} && [moves]} {set timer [after 50 ::mtv::annotations::settle]}
}

proc ::mtv::annotations::moves {} {
    variable wanted
    foreach {which one} $wanted {
        foreach name [lindex $one 0] {if {$name ne {label} && $name ne {grid}} {return 1}}
    }
    return 0
}

# Bring all of them up to date.
proc ::mtv::annotations::settle {} {
    variable wanted
    variable timer
    variable still
    variable moving
    after cancel $timer
    set timer {}
    foreach which [dict keys $wanted] {try_to_show $which [concat $still $moving]}
}

# In a batch of ours its end draws them.
proc ::mtv::annotations::laid_out {args} {
    variable wanted
    if {![dict size $wanted]} return
    if {$::mtv::busy} {
        foreach which [dict keys $wanted] {touch $which}
    } else {
        settle
    }
}

# A frame that DS9 puts above all others would hide them.
proc ::mtv::annotations::raised {args} {
    variable wanted
    if {[dict size $wanted]} {$::ds9(canvas) raise mtv.annotation}
}

# A picture without what it says of itself is better than none.
proc ::mtv::annotations::try_to_show {which blocks} {
    variable failure
    if {[catch {show $which $blocks} message]} {set failure $message}
    set ::errorInfo {}
}

proc ::mtv::annotations::show {which blocks} {
    variable wanted
    if {![dict exists $wanted $which]} return
    if {$which ni $::ds9(frames)} {
        forget $which
        return
    }
    if {{grid} in [lindex [dict get $wanted $which] 0] && [$which has fits]} {grid_once $which}
    if {[is_seen $which]} {
        draw $which {*}[::mtv::frames::box_of $which] $blocks
    } else {
        erase $which
    }
}

proc ::mtv::annotations::is_seen {which} {
    if {![info exists ::active($which)] || !$::active($which) || ![$which has fits]} {return 0}
    return [expr {$which eq $::current(frame) || ($::ds9(display) eq {tile} && [llength $::ds9(active)] > 1)}]
}

proc ::mtv::annotations::erase {which} {
    variable drawn
    $::ds9(canvas) delete mtv.annotation.$which
    dict unset drawn $which
}

# Draw what is wanted on a frame that lies in this place of the canvas, in screen pixels. Blocks that would be drawn as they
# are already are left alone.
proc ::mtv::annotations::draw {which x y width height {blocks {label legend limits scale_bar compass}}} {
    place $which [contents $which $blocks $x $y $width $height] $x $y $width $height
}

# What blocks say, in their order; empty where there is nothing to say. Sizes on the screen will be so many times larger.
proc ::mtv::annotations::contents {which blocks x y width height {factor 1.}} {
    variable wanted
    set found {}
    if {![dict exists $wanted $which]} {return {}}
    lassign [dict get $wanted $which] names caption unit
    set caption [expr {{label} in $names && [is_ours $which] ? $caption : {}}]
    set lines [expr {($caption ne {}) + ({limits} in $names)}]
    foreach block $blocks {
        set content {}
        if {$block in $names} {
            switch -- $block {
                label {set content $caption}
                limits {set content [list [limits $which $unit] [expr {$lines - 1}]]}
                legend {set content [legend $which $lines]}
                scale_bar {set content [scale_bar $which $x $y $width $height $factor]}
                compass {set content [compass $which $x $y $width $height]}
            }
        }
        lappend found $block $content
    }
    return $found
}

proc ::mtv::annotations::place {which contents x y width height} {
    variable drawn
    foreach {block content} $contents {
        set new [list $content $x $y $width $height]
        if {[dict exists $drawn $which $block] && [dict get $drawn $which $block] eq $new} continue
        dict set drawn $which $block $new
        set tag mtv.annotation.$which.$block
        $::ds9(canvas) delete $tag
        if {$content ne {}} {
            draw_$block [list mtv.annotation mtv.annotation.$which $tag] $content $x $y $width $height
        }
    }
}

# What they say

proc ::mtv::annotations::is_ours {which} {
    variable paths
    return [expr {[dict exists $paths $which] && [lindex [$which get fits file name full] 0] eq [dict get $paths $which]}]
}

proc ::mtv::annotations::limits {which unit} {
    set stretch [$which get colorscale]
    set mode [$which get clip mode]
    lassign [$which get clip] low high
    if {$stretch eq {histequ}} {set stretch histogram}
    switch -- $mode {
        user {set mode {}}
        zscale - minmax {append mode { }}
        default {append mode { % }}
    }
    if {![is_number $low] || ![is_number $high]} {return $stretch}
    return [string trimright "$stretch, $mode[format %.4g $low] to [format %.4g $high] $unit"]
}

# Nothing where the mask is not seen.
proc ::mtv::annotations::legend {which lines} {
    set rows [rows_of $which]
    if {$rows eq {} || ![$which get mask count] || [$which get mask transparency] >= 100} {return {}}
    return [list $rows $lines]
}

# East and north in arc seconds for one screen pixel to the right, and for one down, near the middle of a frame; nothing
# where there is no sky. DS9 tells the sky of the image's own pixels alone: a cross of points is looked for that lie on it.
proc ::mtv::annotations::sky {which x y width height} {
    if {![$which has wcs celestial wcs]} {return {}}
    foreach {part_x part_y} {3 3 2 3 4 3 3 2 3 4 2 2 4 2 2 4 4 4 1 3 5 3 3 1 3 5 1 1 5 1 1 5 5 5} {
        set at_x [expr {$x + $width * $part_x / 6}]
        set at_y [expr {$y + $height * $part_y / 6}]
        set middle [direction $which $at_x $at_y]
        if {$middle eq {}} continue
        for {set far [expr {min($width, $height) / 6}]} {$far >= 2} {set far [expr {$far / 2}]} {
            set found [slopes $which $middle $at_x $at_y $far]
            if {$found ne {}} {return $found}
        }
    }
    return {}
}

proc ::mtv::annotations::slopes {which middle x y far} {
    lassign $middle x0 y0 z0
    set level [expr {hypot($x0, $y0)}]
    if {$level < 1e-12} {return {}}
    set found {}
    foreach {dx dy} [list $far 0 0 $far] {
        set ahead [direction $which [expr {$x + $dx}] [expr {$y + $dy}]]
        set behind [direction $which [expr {$x - $dx}] [expr {$y - $dy}]]
        if {$ahead eq {} || $behind eq {}} {return {}}
        lassign [lmap a $ahead b $behind {expr {($a - $b) * 206264.80625 / (2 * $far)}}] vx vy vz
        lappend found [expr {($x0 * $vy - $y0 * $vx) / $level}]
        lappend found [expr {$level * $vz - $z0 * ($x0 * $vx + $y0 * $vy) / $level}]
    }
    return $found
}

# Of a pixel of the canvas, as a unit vector; DS9 says "0 0" beside the image.
proc ::mtv::annotations::direction {which x y} {
    set told [$which get coordinates $x $y wcs icrs degrees]
    lassign $told ra dec
    if {$told eq {0 0} || ![is_number $ra] || ![is_number $dec]} {return {}}
    set ra [expr {$ra * 0.017453292519943295}]
    set dec [expr {$dec * 0.017453292519943295}]
    return [list [expr {cos($dec) * cos($ra)}] [expr {cos($dec) * sin($ra)}] [expr {sin($dec)}]]
}

# Infinities and what is no number are none.
proc ::mtv::annotations::is_number {text} {
    return [regexp {^[-+]?[0-9.]+([eE][-+]?[0-9]+)?$} $text]
}

# Length on the screen and words of a bar that is at most a quarter of the frame; nothing where the image is out of sight.
proc ::mtv::annotations::scale_bar {which x y width height factor} {
    set most [expr {min($width / 4, 200)}]
    if {$most < 15} {return {}}
    lassign [sky $which $x $y $width $height] east north
    set unit [expr {$east eq {} ? 0 : hypot($east, $north) / $factor}]
    if {$unit > 0} {
        lassign [round_angle [expr {$most * $unit}]] length words
    } elseif {[$which has wcs celestial wcs]} {
        return {}
    } else {
        set zoom [lindex [$which get zoom] 0]
        if {$zoom <= 0} {return {}}
        set unit [expr {1. / ($zoom * $factor)}]
        set length [round_number [expr {$most * $unit}]]
        set words "[format %g $length] pixel[expr {$length == 1 ? {} : {s}}]"
    }
    return [list [expr {round($length / $unit)}] $words]
}

proc ::mtv::annotations::round_angle {most} {
    foreach {unit word} {3600 deg 60 arcmin} {
        foreach number {60 30 20 10 5 2 1} {
            if {$number * $unit <= $most && !($number == 60 && $unit == 60)} {
                return [list [expr {$number * $unit}] "$number $word"]
            }
        }
    }
    set number [expr {$most >= 30 ? 30 : [round_number $most]}]
    return [list $number "[format %g $number] arcsec"]
}

# The largest of 1, 2, 5, 10, 20 ... that is not larger, and of 0.5, 0.2 ... below.
proc ::mtv::annotations::round_number {most} {
    set ten [expr {10. ** floor(log10($most))}]
    foreach number {5 2 1} {if {$number * $ten <= $most} {return [expr {$number * $ten}]}}
    return $ten
}

# Steps on the screen to the north and to the east, one pixel long.
proc ::mtv::annotations::compass {which x y width height} {
    set found [sky $which $x $y $width $height]
    if {$found eq {} || min($width, $height) < 100} {return {}}
    lassign $found east_x north_x east_y north_y
    set area [expr {$east_x * $north_y - $east_y * $north_x}]
    if {$area == 0} {return {}}
    return [concat [step [expr {-$east_y / $area}] [expr {$east_x / $area}]] \
        [step [expr {$north_y / $area}] [expr {-$north_x / $area}]]]
}

proc ::mtv::annotations::step {x y} {
    set length [expr {hypot($x, $y)}]
    return [list [format %.3f [expr {$x / $length}]] [format %.3f [expr {$y / $length}]]]
}
