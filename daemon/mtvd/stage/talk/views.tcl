# Actions on how frames are shown, the window's arrangement and size, and its redraw and picture.

proc ::mtv::do::scale {number stretch mode args} {
    set which [::mtv::frame $number]
    $which colorscale $stretch
    # sampled limits spare a pass over all pixels at each load, but minmax and per cent should be exact
    $which clip minmax 25 [expr {$mode in {zscale user} ? {sample} : {scan}}]
    if {$mode eq {user}} {$which clip user {*}$args}
    $which clip mode $mode
    # the histogram is that of the limits before: DS9 would compute it anew with the next image only
    if {$stretch eq {histequ}} {$which clip minmax rescan}
    lappend ::mtv::scaled $which
}

proc ::mtv::do::colormap {number name invert} {
    set which [::mtv::frame $number]
    ${which}cb map $name
    ${which}cb invert $invert
    $which colormap [${which}cb get colormap]
}

proc ::mtv::do::zoom {number factor} {
    set which [::mtv::frame $number]
    $which zoom to $factor $factor
    ::mtv::zoomed $which
}

proc ::mtv::do::fit {number} {
    set which [::mtv::frame $number]
    $which zoom to fit
    set ::mtv::fitted($which) [::mtv::size_of $which]
    ::mtv::zoomed $which
}

# Among tiles a frame that comes or goes seldom changes the size of the others; fitted for nothing all of them are drawn
# anew: 90 ms for 45 tiles.
proc ::mtv::do::refit {number} {
    set which [::mtv::frame $number]
    if {![info exists ::mtv::fitted($which)] || $::mtv::fitted($which) ne [::mtv::size_of $which]} {fit $number}
}

proc ::mtv::do::rotate {number angle} {
    set which [::mtv::frame $number]
    $which rotate to $angle
    if {$which eq $::current(frame)} {set ::current(rotate) $angle}
}

proc ::mtv::zoomed {which} {
    if {$which eq $::current(frame)} {set ::current(zoom) [$which get zoom]}
}

proc ::mtv::do::pan {number x y} {
    set which [::mtv::frame $number]
    if {[$which has fits]} {$which pan to physical fk5 $x $y}
}

proc ::mtv::do::raise {number} {
    set which [::mtv::frame $number]
    if {!$::active($which)} {
        set ::active($which) 1
        UpdateActiveFrames
    }
    GotoFrame $which
}

# Locks hold for what the user does by hand; what scripts set in one frame the scene has set in all of them, except
# where views are aligned by WCS, which DS9 must work out from the leader.
proc ::mtv::do::arrange {tile frames limits colormap leader size columns} {
    # by their global names: DS9's traces of them look for that very name
    global current panzoom scale colorbar
    # before anything is changed: what is refused is refused as a whole
    if {$size ne {}} {::mtv::check_room {*}$size}
    if {$panzoom(lock) eq {wcs} && $frames ne {wcs}} ::mtv::unalign
    set panzoom(lock) $frames
    set scale(lock) $limits
    set scale(lock,limits) $limits
    set colorbar(lock) $colormap
    set display [expr {$tile ? {tile} : {single}}]
    set laid [::mtv::frames::use_columns $columns]
    if {$current(display) ne $display || $laid} {
        set current(display) $display
        DisplayMode
    }
    if {$leader ne {} && "Frame$leader" in $::ds9(frames)} {MatchFrame Frame$leader $frames}
    if {$size ne {}} {::mtv::resize {*}$size}
}

# Frames that were locked by WCS stay turned to the sky in DS9 when the lock ends, and so would new ones.
proc ::mtv::unalign {} {
    global current
    set current(align) 0
    foreach which $::ds9(frames) {$which wcs align 0}
}

# DS9 itself would let a window reach beyond the screen, where nothing of it is seen.
proc ::mtv::check_room {width height} {
    set top $::ds9(top)
    set canvas $::ds9(canvas)
    set most_width [expr {[winfo screenwidth $top] - [winfo width $top] + [winfo width $canvas]}]
    set most_height [expr {[winfo screenheight $top] - [winfo height $top] + [winfo height $canvas]}]
    if {$width > $most_width || $height > $most_height} {
        error "the screen has room for an image area of ${most_width}x$most_height, not of ${width}x$height"
    }
}

# The image area's size; it is in force when this returns, so that what comes next is fitted into it.
proc ::mtv::resize {width height} {
    set top $::ds9(top)
    set canvas $::ds9(canvas)
    set more_width [expr {$width - [winfo width $canvas]}]
    set more_height [expr {$height - [winfo height $canvas]}]
    variable resized
    if {!$resized} {
        undo [list wm geometry $top [winfo width $top]x[winfo height $top]]
        set resized 1
    }
    wm geometry $top [expr {[winfo width $top] + $more_width}]x[expr {[winfo height $top] + $more_height}]
    update idletasks
    LayoutView
}

# Of a frame on the canvas, in screen pixels.
proc ::mtv::size_of {which} {
    return [list [$::ds9(canvas) itemcget $which -width] [$::ds9(canvas) itemcget $which -height]]
}

# Reading, outside of batches

# All that is owed to the screen, in whatever frames it is: the canvas draws them when it is idle. DS9's own "update now"
# knows only the frame in front, and draws it anew also where nothing is owed. The last line is a round trip to the X
# server, which has drawn all of it then.
proc ::mtv::redraw {} {
    update idletasks
    winfo pointerxy .
    quiet
}

# The same with annotations that follow what was drawn.
proc ::mtv::sync {} {
    update idletasks
    annotations::settle
    redraw
}

proc ::mtv::snapshot {path format} {
    package require img::$format
    update idletasks
    annotations::settle
    SaveImage $path $format
}
